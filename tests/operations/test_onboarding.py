"""A guest's way in: every step can be missing, each for its own reasons, and what nobody saw is never called done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sites import plan_of
from trellis.observe.observation import Observation, Penalized, SeenPeer, SeenRoute
from trellis.operations.discovery import Difference, Found
from trellis.operations.onboarding import LATER, Deployed, Evidence, Step, not_declared, up_to_the_hosts
from trellis.operations.onboarding_routes import from_the_session
from trellis.routeros.routes import Route

PLAN = plan_of("homelab")
DEBIAN = next(one for one in PLAN.guests if one.guest.name == "debian-test-1")
HOSTS = ("pve01", "pve02", "pve03")
DIGEST = "cd" * 32
V4, V6 = "10.101.254.6/32", "fd00:101:fe::6/128"

VM = Found("debian-test-1", "guests.debian-test-1", "as declared", 1006, "net0", "pve01", True)
ACCEPTED = tuple(SeenRoute(prefix, "fd00:101::6", "4200101006", True) for prefix in (V4, V6))
PEER = SeenPeer(
    "vrf_evpnz1", "fd00:101::6", "Established", 4200101006, 4200001000, uptime_s=60, received=2, sent=2, routes=ACCEPTED
)
ACTIVE = replace(PEER, state="Active", uptime_s=None, received=0, sent=0, routes=())
AT_EDGE = (
    Route(ip_network(V4), "10.255.0.1", 20, "BGP"),
    Route(ip_network(V6), "fd00:0:0:ffff::1", 20, "BGP"),
)


def seen(host: str, *peers: SeenPeer, **more: Any) -> Observation:
    return Observation(host, datetime(2026, 11, 28, tzinfo=UTC), whole=True, peers=peers, **more)


OBSERVED = {"pve01": seen("pve01", PEER), "pve02": seen("pve02", ACTIVE), "pve03": seen("pve03", ACTIVE)}
WHOLE = Evidence(VM, dict.fromkeys(HOSTS, Deployed(DIGEST, DIGEST)), OBSERVED, {"edge1": AT_EDGE})


def steps(evidence: Evidence, *, alone: bool = True) -> list[Step]:
    return [
        *up_to_the_hosts(DEBIAN, evidence),
        *from_the_session(PLAN, DEBIAN, evidence, default_alone=alone),
    ]


def step(name: str, evidence: Evidence, where: str | None = None, *, alone: bool = True) -> Step:
    return next(one for one in steps(evidence, alone=alone) if one.name == name and where in (None, one.where))


def on(**observed: Observation | str) -> Evidence:
    return replace(WHOLE, observed={**OBSERVED, **observed})


def test_a_guest_that_is_in_has_every_step_done_and_nothing_left_to_do() -> None:
    found = steps(WHOLE)
    assert {(one.name, one.state, one.remedy) for one in found} == {(one.name, "ok", "") for one in found}
    assert [one.name for one in found] == ["declared", *LATER[:2], *["deployed"] * 3, *LATER[3:]]
    assert "ASN 4200101006; 10.101.0.6, fd00:101::6" in found[1].said


def test_a_guest_that_the_site_lacks_is_told_how_to_add_it_and_nothing_else_is_claimed() -> None:
    first, *rest = not_declared("web", ("debian-test-1",), "guests:\n  web: {}\n")
    assert (first.state, first.remedy.endswith("as in\nguests:\n  web: {}")) == ("missing", True)
    assert [(one.name, one.state) for one in rest] == [(name, "unknown") for name in LATER]
    assert "trellis guests discover" in not_declared("web", (), "")[0].remedy


@pytest.mark.parametrize(
    ("vm", "state", "said", "remedy"),
    [
        ("there is no token", "unknown", "there is no token", "PROXMOX_VE_API_TOKEN"),
        (replace(VM, state="absent", vmid=None, why="no VM has it"), "missing", "no VM has it",
         "make a VM with number 1006 on pve01 or pve02 or pve03 with a card bc:24:11:01:01:06 on bridge vnet101"),
        (replace(VM, state="unknown", why="not read"), "unknown", "not read", "all nodes are online"),
        (replace(VM, state="differs", differences=(Difference("vnet", "vnet101", "vmbr0"),)), "missing",
         "vnet: the site says vnet101; Proxmox says vmbr0", "qm set"),
        (replace(VM, running=False), "missing", "VM 1006 net0 on pve01 is stopped", "qm start 1006"),
        (replace(VM, running=None), "ok", "Proxmox does not know", ""),
    ],
)  # fmt: skip
def test_the_vm_is_as_declared_and_runs_or_it_is_said_what_to_do(
    vm: Found | str, state: str, said: str, remedy: str
) -> None:
    found = step("VM", replace(WHOLE, vm=vm))
    assert (found.state, said in found.said, remedy in found.remedy) == (state, True, True)


@pytest.mark.parametrize(
    ("deployed", "state", "said", "remedy"),
    [
        ("connect: no route to host", "unknown", "connect: no route to host", "trellis check pve02"),
        (Deployed(None, DIGEST), "missing", "nothing was ever deployed there", "pulumi up"),
        (Deployed("ab" * 32, DIGEST, 4), "missing", "abababababab is in force, and the site gives cdcdcd", "pulumi up"),
        (Deployed(DIGEST, DIGEST, 2), "missing", "2 thing(s) are not as it says", "trellis repair pve02"),
    ],
)
def test_each_host_of_its_placement_has_this_plan_in_force(
    deployed: Deployed | str, state: str, said: str, remedy: str
) -> None:
    evidence = replace(WHOLE, deployed={**WHOLE.deployed, "pve02": deployed})
    found = step("deployed", evidence, "pve02")
    assert (found.state, said in found.said, remedy in found.remedy) == (state, True, True)
    assert step("deployed", evidence, "pve01").state == "ok"


@pytest.mark.parametrize(
    ("observed", "state", "said"),
    [
        ({"pve01": seen("pve01", ACTIVE)}, "missing", "pve01: Active; pve02: Active; pve03: Active"),
        ({"pve01": seen("pve01", replace(ACTIVE, last_notification="OPEN Message Error/Bad Peer AS"))}, "missing",
         "pve01: Active (OPEN Message Error/Bad Peer AS)"),
        ({"pve01": seen("pve01", replace(ACTIVE, state="Idle"), penalized=(Penalized("fd00:101::6", 120),))},
         "missing", "pve01: kept off for 120 s more"),
        ({"pve01": seen("pve01")}, "missing", "pve01: has no such neighbour"),
        ({"pve01": seen("pve01", away="no socket")}, "missing", "pve01: bgpd does not answer: no socket"),
        ({"pve01": "connect: timed out"}, "unknown", "pve01: connect: timed out"),
        ({"pve01": seen("pve01", ACTIVE), "pve02": "connect: timed out"}, "missing", "pve01: Active"),
        ({"pve02": seen("pve02", PEER)}, "missing", "Established on pve01 and pve02 at once"),
        ({"pve01": seen("pve01", ACTIVE), "pve02": seen("pve02", PEER)}, "missing",
         "Established on pve02, and its VM is on pve01"),
        ({"pve01": seen("pve01", replace(PEER, vrf="vrf_evpnz2"))}, "missing", "pve01: has no such neighbour"),
    ],
)  # fmt: skip
def test_the_session_is_established_on_the_host_that_has_the_vm_and_nowhere_else(
    observed: dict[str, Any], state: str, said: str
) -> None:
    found = step("session", on(**observed))
    assert (found.state, said in found.said, bool(found.remedy)) == (state, True, True)


def test_without_a_session_nothing_that_it_would_show_is_claimed() -> None:
    after = steps(on(pve01=seen("pve01", ACTIVE)))[-3:]
    assert [(one.name, one.state) for one in after] == [(name, "unknown") for name in LATER[-3:]]


@pytest.mark.parametrize(
    ("routes", "state", "said"),
    [
        (ACCEPTED[:1], "missing", f"it does not announce {V6}"),
        ((*ACCEPTED, SeenRoute("10.255.0.1/32", "fd00:101::6", "4200101006", False)), "missing",
         "10.255.0.1/32 is in 10.255.0.0/24, which is the fabric's"),
        ((ACCEPTED[0], replace(ACCEPTED[1], accepted=None)), "unknown", "did not say what became of all of them"),
    ],
)  # fmt: skip
def test_its_routes_are_announced_and_accepted_or_the_reason_is_told(
    routes: tuple[SeenRoute, ...], state: str, said: str
) -> None:
    found = step("routes", on(pve01=seen("pve01", replace(PEER, routes=routes))))
    assert (found.state, said in found.said) == (state, True)


@pytest.mark.parametrize(
    ("routes", "state", "said"),
    [
        ("there is no password", "unknown", "there is no password"),
        (AT_EDGE[:1], "missing", f"{V6} is not there"),
        ((AT_EDGE[0], replace(AT_EDGE[1], gateway="fd00:0:0:ffff::2")), "missing",
         f"{V6} goes by fd00:0:0:ffff::2 (BGP), not by pve01"),
        ((AT_EDGE[0], replace(AT_EDGE[1], kind="static")), "missing", "(static), not by pve01"),
        ((replace(AT_EDGE[0], gateway="10.10.0.11%vlan10"), AT_EDGE[1]), "ok", f"by pve01: {V4}, {V6}"),
    ],
)  # fmt: skip
def test_the_edge_forwards_what_the_plan_exports_to_the_host_that_has_the_session(
    routes: tuple[Route, ...] | str, state: str, said: str
) -> None:
    found = step("edge", replace(WHOLE, edges={"edge1": routes}))
    assert (found.where, found.state, said in found.said) == ("edge1", state, True)


def test_a_guest_that_moved_is_looked_for_at_the_edge_by_its_new_host() -> None:
    evidence = replace(on(pve01=seen("pve01", ACTIVE), pve02=seen("pve02", PEER)), vm=replace(VM, node="pve02"))
    assert step("session", evidence).state == "ok"
    assert f"{V4} goes by 10.255.0.1 (BGP), not by pve02" in step("edge", evidence).said


@pytest.mark.parametrize(
    ("sent", "alone", "state", "said"),
    [
        (0, True, "missing", "pve01 sends it no route at all"),
        (0, False, "missing", "pve01 sends it no route at all"),
        (1, True, "missing", "1 prefix(es), of 2 defaults"),
        (2, True, "ok", "nothing but the default"),
        (9, False, "unknown", "which need not be the default"),
    ],
)
def test_the_default_is_told_as_far_as_a_host_shows_it(sent: int, alone: bool, state: str, said: str) -> None:
    found = step("default route", on(pve01=seen("pve01", replace(PEER, sent=sent))), alone=alone)
    assert (found.state, said in found.said) == (state, True)


PEERS = st.builds(
    replace,
    st.just(PEER),
    state=st.sampled_from(["Established", "Active", "Idle"]),
    sent=st.integers(0, 3),
    routes=st.lists(
        st.builds(
            SeenRoute,
            st.sampled_from([V4, V6, "10.101.254.7/32", "0.0.0.0/0"]),
            st.just("fd00:101::6"),
            st.just("4200101006"),
            st.sampled_from([True, False, None]),
        ),
        unique_by=lambda route: route.prefix,
    ).map(tuple),
)
ANSWERS = st.one_of(
    st.just("connect: timed out"),
    st.builds(lambda peers: seen("h", *peers), st.lists(PEERS, max_size=1)),
)


@given(
    vm=st.one_of(
        st.just("no token"),
        st.builds(
            replace,
            st.just(replace(VM, why="so it is", differences=(Difference("vnet", "vnet101", "vmbr0"),))),
            state=st.sampled_from(["as declared", "differs", "absent", "unknown"]),
            node=st.sampled_from([*HOSTS, "pve09", None]),
            running=st.sampled_from([True, False, None]),
        ),
    ),
    deployed=st.fixed_dictionaries(
        dict.fromkeys(HOSTS, st.one_of(st.just("no"), st.just(Deployed(DIGEST, DIGEST)), st.just(Deployed(None, "x"))))
    ),
    observed=st.fixed_dictionaries(dict.fromkeys(HOSTS, ANSWERS)),
    edges=st.sampled_from([{}, {"edge1": "no"}, {"edge1": ()}, {"edge1": AT_EDGE}]),
)
def test_whatever_was_found_out_each_step_is_told_and_what_is_missing_has_a_remedy(**evidence: Any) -> None:
    found = steps(Evidence(**evidence))
    assert [one.name for one in found] == ["declared", *LATER[:2], *["deployed"] * 3, *LATER[3:]]
    for one in found:
        assert one.said
        assert one.remedy or one.state != "missing"
    session = next(one for one in found if one.name == "session")
    if session.state == "unknown":
        assert any(isinstance(answer, str) for answer in evidence["observed"].values())
    if session.state != "ok" and not session.where:
        assert {one.state for one in found[-3:]} == {"unknown"}

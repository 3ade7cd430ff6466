"""Who moves where when a host is drained, what speaks against it, and whether traffic has left."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.operations.vms import GUESTS, as_declared, machines
from tests.sites import plan_of, site_of
from trellis.observe.virtual_machines import Machine
from trellis.operations.discovery import compare
from trellis.operations.draining import Asked, Decision, Seen, decide, moved
from trellis.operations.leaving import QUIET_PPS, left, look, own_prefixes
from trellis.reach.failure import down_of
from trellis.reach.what_if import what_if

SITE, PLAN = site_of("homelab"), plan_of("homelab")
HOST = "pve03"
EDGE = frozenset({"10.255.0.254", "fd00:0:0:ffff::fffe"})
WELL = Seen(sessions=EDGE, committed="ab" * 32)
ON_HOST = {"solcp03", "solwk03"}


ALL = Asked()


def decided(asked: Asked = ALL, *, vms: dict[str, Machine | None] | None = None, **hosts: Seen | str) -> Decision:
    found = compare(SITE, machines(**(vms or {})))
    return decide(SITE, PLAN, found, HOST, {**dict.fromkeys(SITE.hosts, WELL), **hosts}, asked)


def rules(decision: Decision) -> set[str]:
    return {f"{one.path}: {one.rule}" for one in decision.refusals}


def test_each_guest_of_the_host_moves_and_nobody_else_and_a_cluster_stays_spread() -> None:
    decision = decided()
    assert decision.refusals == ()
    assert {move.guest for move in decision.moves} == ON_HOST
    assert {move.source for move in decision.moves} == {HOST}
    assert Counter(move.target for move in decision.moves) == {"pve01": 1, "pve02": 1}
    assert all(move.target in GUESTS[move.guest].placement for move in decision.moves)


def test_where_a_guest_is_proxmox_says_and_not_the_site() -> None:
    decision = decided(
        vms={"debian_test_1": as_declared("debian-test-1", node=HOST), "solwk03": as_declared("solwk03", node="pve01")}
    )
    assert {move.guest for move in decision.moves} == {"debian-test-1", "solcp03"}


def test_one_may_be_left_one_is_stopped_and_with_no_migrate_all_stay() -> None:
    decision = decided(Asked(leave=("solcp03",)), vms={"solwk03": as_declared("solwk03", running=False)})
    assert decision.moves == ()
    assert {stay.guest: stay.why for stay in decision.stays} == {
        "solcp03": "it is left",
        "solwk03": "VM 1023 is stopped",
    }
    alone = decide(SITE, PLAN, None, HOST, dict.fromkeys(SITE.hosts, WELL), Asked(migrate=False))
    assert ({stay.guest for stay in alone.stays}, alone.moves, alone.refusals) == (ON_HOST, (), ())


@pytest.mark.parametrize(
    ("hosts", "rule"),
    [
        ({HOST: "connect: timed out"}, f"hosts.{HOST}: the host can be asked"),
        ({HOST: replace(WELL, committed=None)}, f"hosts.{HOST}: something of ours is in force there"),
        ({HOST: replace(WELL, busy=True)}, f"hosts.{HOST}: no change is"),
        ({HOST: replace(WELL, frozen={"reason": "r", "owner": "o", "since": "s"})}, f"hosts.{HOST}: it is not frozen"),
    ],
)
def test_a_host_that_cannot_be_drained_now_is_refused_with_the_reason(hosts: dict[str, Any], rule: str) -> None:
    assert rules(decided(**hosts)) == {rule}


def test_all_go_to_the_one_host_that_is_fit_and_without_one_everything_is_refused_at_once() -> None:
    one = decided(pve01=replace(WELL, drained={"reason": "r"}))
    assert {move.target for move in one.moves} == {"pve02"}
    nobody = decided(
        pve01=replace(WELL, drained={"reason": "r"}), pve02=replace(WELL, sessions=frozenset({"10.255.0.1"}))
    )
    assert {refusal.path for refusal in nobody.refusals} == {
        "hosts.pve01",
        "hosts.pve02",
        "clusters.sol.nodes.solcp03",
        "clusters.sol.nodes.solwk03",
    }
    assert {refusal.value for refusal in nobody.refusals if refusal.path.startswith("hosts")} == {
        "drained",
        "no session with an edge",
    }
    assert "--leave solcp03" in next(one.remedy for one in nobody.refusals if one.path.endswith("solcp03"))


def test_a_wish_that_cannot_be_is_refused_by_its_option() -> None:
    assert rules(decided(Asked(to=HOST))) >= {"--to: it names another host of the site"}
    assert rules(decided(Asked(leave=("debian-test-1",)))) == {f"--leave: it names a guest on {HOST}"}
    assert {move.target for move in decided(Asked(to="pve01")).moves} == {"pve01"}


def test_a_vm_that_nobody_could_read_or_whose_state_is_unknown_is_neither_moved_nor_forgotten() -> None:
    hidden = decided(vms={"solcp03": as_declared("solcp03", cards=(), unread="500: timeout")})
    assert f"VM 1013: the cards of each VM on {HOST} can be read" in rules(hidden)
    offline = decided(vms={"solcp03": as_declared("solcp03", running=None)})
    assert rules(offline) == {"clusters.sol.nodes.solcp03: Proxmox knows whether it runs"}


@given(
    st.sets(st.sampled_from(sorted(GUESTS))),
    st.sampled_from(sorted(SITE.hosts)),
    st.sets(st.sampled_from(sorted(SITE.hosts))),
)
def test_whoever_is_where_each_guest_of_the_host_moves_to_a_fit_host_stays_or_is_refused(
    elsewhere: set[str], host: str, drained: set[str]
) -> None:
    vms = {name.replace("-", "_"): as_declared(name, node=host) for name in elsewhere}
    hosts = {name: replace(WELL, drained={"reason": "r"}) if name in drained else WELL for name in SITE.hosts}
    found = compare(SITE, machines(**vms))
    decision = decide(SITE, PLAN, found, host, hosts, Asked())
    here = {one.guest for one in found.guests if one.node == host}
    refused = {GUESTS[name].path for name in here} & {refusal.path for refusal in decision.refusals}
    assert len(decision.moves) + len(decision.stays) + len(refused) == len(here)
    for move in decision.moves:
        assert move.target not in {host, *drained}
        assert move.target in GUESTS[move.guest].placement


def test_what_follows_from_its_absence_is_told_of_guests_where_they_are_then() -> None:
    decision = decided()
    before = what_if(PLAN, down_of(PLAN, [HOST]))
    after = what_if(moved(PLAN, decision.moves), down_of(PLAN, [HOST]))
    assert {one.guest for one in before.unreachable_guests} == ON_HOST
    assert after.unreachable_guests == ()
    assert after.harmless


def content(at_s: float, forwarded: int) -> dict[str, Any]:
    return {"at_s": at_s, "forwarded": {"ipv4": forwarded, "ipv6": 0}}


def by(*routes: tuple[str, bool]) -> dict[str, Any]:
    return {"through": [{"table": "main", "prefix": prefix, "by": "10.255.0.3", "others": o} for prefix, o in routes]}


def test_a_route_by_the_host_is_its_own_or_has_another_way_or_none() -> None:
    own = own_prefixes(SITE, PLAN, HOST, ["solcp03"])
    others = {
        "pve01": by(
            ("10.255.0.3", False), ("10.101.254.13/32", False), ("10.101.250.1/32", True), ("10.255.0.2", False)
        ),
        "pve02": "connect: timed out",
    }
    found = left(look(content(1.0, 1000), {}), look(content(3.0, 1004), others), own)
    assert found.packets_per_s == 2.0
    # A service of several nodes has solcp03 among them, which stays.
    assert [str(way) for way in found.avoidable] == []
    assert [str(way) for way in found.alone] == ["pve01 sends 10.255.0.2"]
    assert found.unasked == ("pve02",)
    nobody = left(look(content(1.0, 0), {}), look(content(2.0, 0), others), own_prefixes(SITE, PLAN, HOST, []))
    assert [str(way) for way in nobody.avoidable] == ["pve01 sends 10.101.250.1/32"]


def test_traffic_has_left_when_the_host_is_quiet_or_what_is_left_has_a_reason() -> None:
    loud = left(look(content(1.0, 0), {}), look(content(2.0, int(QUIET_PPS) + 1), {}), ())
    assert (loud.quiet, loud.gone(guests_stay=False), loud.gone(guests_stay=True)) == (False, False, True)
    quiet = left(look(content(1.0, 0), {}), look(content(2.0, int(QUIET_PPS)), {}), ())
    assert quiet.gone(guests_stay=False)
    shared = left(look(content(1.0, 0), {}), look(content(2.0, 0), {"pve01": by(("0.0.0.0/0", True))}), ())
    assert not shared.gone(guests_stay=True)


def test_a_host_that_began_to_count_anew_is_not_taken_for_a_loud_one() -> None:
    assert left(look(content(900.0, 10**6), {}), look(content(20.0, 3), {}), ()).packets_per_s == 0

"""A drained host on real FRR: its lines stand over whatever is committed, and go with its notice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.conftest import BASE, Host, confirmed
from tests.agent.documents import CONFIG, document
from tests.sites import bundles_of, plan_of
from trellis.agent.between import merged_as_proxmox_does
from trellis.agent.control_plane import Ask, adjacencies_v2, adjacencies_v3
from trellis.agent.drain import HIGHEST_COST, overlaid
from trellis.agent.manifest import Manifest, parse, sealed
from trellis.agent.mending import FRR_CONF_LOCAL
from trellis.agent.normalise import difference
from trellis.agent.transit import near
from trellis.render import manifest as manifest_of

WHY = ("--reason", "new disks", "--owner", "ada")
MORE = [*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]


def meant(lines: list[str]) -> str:
    """What the host is to run while it is drained."""
    return overlaid(parse(json.dumps(sealed(document(lines))))).intent


def of_site(host: str) -> Manifest:
    return parse(manifest_of(next(bundle for bundle in bundles_of("homelab") if bundle.host == host)))


def costs(text: str) -> list[int]:
    return [int(cost) for cost in re.findall(r"(?m)^ (?:ip ospf|ipv6 ospf6) cost (\d+)$", text)]


def test_a_neighbour_that_is_designated_no_more_after_a_boot_is_there_all_the_same() -> None:
    """Seen in the lab: a host that had been designated before its reboot was not taken back, for ever."""

    def heard(family: str, adjacencies: Callable[[Ask], Iterator[dict[str, Any]]], neighbours: Any) -> list[str]:
        found = adjacencies(lambda daemon, command: {"neighbors": neighbours})
        return [f"{family} {one['router_id']} {one['interface']}" for one in found if near(one)]

    def v2(*states: str) -> list[str]:
        entries = [{"nbrState": state, "ifaceName": "vmbr0.10:10.10.0.13"} for state in states]
        return heard("ipv4", adjacencies_v2, {"10.255.0.1": entries})

    def v3(state: str, role: str) -> list[str]:
        one = {"neighborId": "10.255.0.1", "interfaceName": "vmbr0.10", "state": state, "ifState": role}
        return heard("ipv6", adjacencies_v3, [one])

    assert v2("Full/DR") == v2("Full/-") == v2("2-Way/DROther") == ["ipv4 10.255.0.1 vmbr0.10"]
    assert v2("2-Way/DR", "Init/DROther", "ExStart/Backup") == []
    assert v3("Full", "BDR") == v3("Twoway", "DROther") == ["ipv6 10.255.0.1 vmbr0.10"]
    assert v3("Twoway", "DR") == v3("Init", "DROther") == []


def test_a_drain_raises_every_cost_alike_and_adds_one_line_to_the_global_router_alone() -> None:
    plain = of_site("pve01")
    text, before = overlaid(plain).intent, plain.intent
    assert max(costs(text)) == HIGHEST_COST
    assert len({after - was for after, was in zip(costs(text), costs(before), strict=True)}) == 1
    missing, added = difference(before, text)
    others = [line for line in (*missing, *added) if " cost " not in line[-1]]
    assert others == [("router bgp 4200001000", "bgp graceful-shutdown")]
    assert overlaid(plain).digest == plain.digest


@pytest.mark.parametrize("host", ["pve01", "pve02", "pve03"])
def test_what_proxmox_merges_on_a_drained_host_is_what_it_is_to_run(host: str) -> None:
    manifest = overlaid(of_site(host))
    planned = next(one for one in plan_of("homelab").hosts if one.name == host)
    assert manifest.base is not None
    assert planned.pve_version is not None
    local = manifest.file(FRR_CONF_LOCAL).text
    merged, lost = merged_as_proxmox_does(local, manifest.base, planned.pve_version)
    assert lost == []
    assert difference(manifest.intent, merged) == ([], [])


@given(st.lists(st.integers(1, HIGHEST_COST), min_size=1, max_size=8))
def test_whatever_the_costs_are_their_order_stays_and_none_is_above_the_highest(values: list[int]) -> None:
    lines = [line for n, cost in enumerate(values) for line in (f"interface e{n}", f" ip ospf cost {cost}", "exit")]
    plain = of_site("pve01")
    only = next(file for file in plain.files if file.path == CONFIG)
    found = costs(overlaid(replace(plain, files=(replace(only, lines=tuple(lines)),))).intent)
    assert [cost - found[0] for cost in found] == [value - values[0] for value in values]
    assert max(found) == HIGHEST_COST


@pytest.mark.frr
def test_a_drain_is_confirmed_named_and_kept_by_deploys_rollbacks_and_the_guard(host: Host) -> None:
    digest = host.agent("status").report["committed"]["digest"]
    status, report = confirmed(host, "drain", *WHY, "--moved", "debian-test-1,solcp01")
    assert (status, report["outcome"], report["digest"]) == (0, "applied", digest), report["error"]
    assert difference(meant(BASE), host.frr.running_config()) == ([], [])
    told = host.agent("check").report
    assert (told["same"], told["drained"]["reason"], told["drained"]["owner"]) == (True, "new disks", "ada")
    assert told["drained"]["moved"] == ["debian-test-1", "solcp01"]
    assert host.agent("history").report["entries"][-1]["why"] == "drain"
    again = host.agent("drain", "--reason", "another", "--owner", "eve", "--moved", "solcp01")
    assert (again.status, again.outcome) == (0, "unchanged")
    assert confirmed(host, "drain", *WHY, "--moved", "solcp02")[1]["outcome"] == "applied"
    now = host.agent("check").report["drained"]
    assert now == {**told["drained"], "moved": ["debian-test-1", "solcp01", "solcp02"]}

    assert host.commit(document(MORE)).outcome == "applied"
    assert difference(meant(MORE), host.frr.running_config()) == ([], [])

    host.frr.vtysh("configure", "router bgp 4200001000", "no bgp graceful-shutdown")
    assert host.agent("check").report["differences"]["missing"] == ["router bgp 4200001000 > bgp graceful-shutdown"]
    guarded = host.agent("guard")
    assert (guarded.status, guarded.report["outcome"]) == (0, "repaired")
    assert difference(meant(MORE), host.frr.running_config()) == ([], [])

    assert confirmed(host, "rollback", "1")[0] == 0
    assert difference(meant(BASE), host.frr.running_config()) == ([], [])

    status, report = confirmed(host, "undrain")
    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert difference("\n".join(BASE), host.frr.running_config()) == ([], [])
    assert host.agent("check").report["drained"] is None
    assert host.agent("undrain").outcome == "unchanged"


@pytest.mark.frr
def test_a_drain_that_nobody_confirms_leaves_neither_lines_nor_notice(host: Host) -> None:
    assert host.commit(document(BASE, confirm_within_s=None, sessions_within_s=1)).outcome == "applied"
    text = json.dumps(sealed(document(BASE, confirm_within_s=5)))
    entry = json.loads(host.frr.read("/var/lib/trellis/committed.json"))
    host.frr.write("/var/lib/trellis/committed.json", json.dumps({**entry, "manifest": text}))
    run = host.agent("drain", *WHY)
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "confirmation")
    assert difference("\n".join(BASE), host.frr.running_config()) == ([], [])
    assert not host.frr.path("/var/lib/trellis/drained.json").exists()


@pytest.mark.frr
def test_a_drain_is_refused_where_it_would_hide_something_and_a_release_ends_it(host: Host) -> None:
    host.agent("freeze", "--reason", "INC-7", "--owner", "eve")
    assert host.agent("drain", *WHY).failed_step == "frozen"
    host.agent("thaw")
    host.frr.vtysh("configure", "ip route 10.66.0.0/16 blackhole")
    assert host.agent("drain", *WHY).failed_step == "drift"
    host.frr.vtysh("configure", "no ip route 10.66.0.0/16 blackhole")
    empty = host.agent("drain", "--reason", " ", "--owner", "ada")
    assert (empty.status, "--reason ' '" in empty.said) == (3, True)
    assert confirmed(host, "drain", *WHY)[0] == 0
    assert confirmed(host, "release")[0] == 0
    assert not host.frr.path("/var/lib/trellis/drained.json").exists()
    assert host.agent("undrain").status == 3


@pytest.mark.frr
def test_a_drain_that_was_cut_off_is_taken_back_before_a_deploy_and_the_deploy_comes_again(host: Host) -> None:
    host.hang_on_reload()
    with host.start("drain", *WHY) as draining:
        host.wait_for("/run/hung")
        host.frr.run(["rm", "/run/timer"])
        host.kill_agent()
        draining.communicate(timeout=60)
    host.frr.write("/run/done", "")
    run = host.commit(document(MORE))
    assert (run.status, "was taken back" in run.report["error"]["what"]) == (3, True), run.report
    assert host.commit(document(MORE)).outcome == "applied"
    assert difference("\n".join(MORE), host.frr.running_config()) == ([], [])


@pytest.mark.frr
def test_a_host_tells_what_it_forwards_whom_it_hears_and_which_routes_go_by_another(host: Host) -> None:
    host.frr.run(["sh", "-c", "ip link add up0 type bridge; ip link set up0 up; ip addr add 10.7.0.1/24 dev up0"])
    host.frr.run(["sh", "-c", "ip route add 10.8.0.0/16 via 10.7.0.2; ip route add 10.6.0.0/16 via 10.7.0.3"])
    told = host.agent("transit", "10.7.0.2").report
    assert told["through"] == [{"table": "main", "prefix": "10.8.0.0/16", "by": "10.7.0.2", "others": False}]
    assert told["forwarded"] == {"ipv4": 0, "ipv6": 0}
    assert (told["sessions"], told["adjacent"], told["busy"], told["drained"]) == ([], [], False, None)
    assert host.agent("transit", "10.7.0.0/24").status == 3

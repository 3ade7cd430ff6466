"""What `trellis check --live` asserts of what a converged homelab says: all holds, and each defect is one finding."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.recorded_hosts import HOSTS, Fabric, said
from tests.sites import plan_of, site_data
from trellis.plan import plan
from trellis.reach.agent_answers import BadAnswer
from trellis.reach.assertions import expected, judge, pings_of, seen
from trellis.site import load_site

DEBIAN, SOLCP01 = "fd00:101::6", "fd00:101::11"
Z1 = "vrf_evpnz1"


def test_everything_holds_on_the_recorded_twin() -> None:
    judged = Fabric().judged()
    assert judged.findings == ()
    assert judged.holds


def test_what_is_expected_covers_the_plan() -> None:
    wanted = expected(plan_of("homelab"))
    pve01 = wanted.hosts["pve01"]
    assert [(one.link, one.version, len(one.others)) for one in pve01.adjacencies] == [
        ("management", 4, 3), ("management", 6, 3), ("mesh-pve01-pve02", 4, 1), ("mesh-pve01-pve02", 6, 1),
        ("mesh-pve01-pve03", 4, 1), ("mesh-pve01-pve03", 6, 1),
    ]  # fmt: skip
    assert {(one.node, one.version): one.families for one in pve01.sessions} == {
        ("pve02", 4): ("ipv4 unicast", "l2vpn evpn"), ("pve02", 6): ("ipv6 unicast",),
        ("pve03", 4): ("ipv4 unicast", "l2vpn evpn"), ("pve03", 6): ("ipv6 unicast",),
        ("edge1", 4): ("ipv4 unicast",), ("edge1", 6): ("ipv6 unicast",),
    }  # fmt: skip
    assert {(one.node, one.links[0][1]) for one in pve01.ways} == {
        ("pve02", "mesh-pve01-pve02"), ("pve03", "mesh-pve01-pve03"), ("edge1", "management"),
    }  # fmt: skip
    assert Counter((one.type, len(one.remotes)) for one in pve01.vnis) == {("L3", 0): 2, ("L2", 2): 5}
    assert [(one.vrf, one.version) for one in pve01.defaults] == [
        (None, 4), ("vrf_evpnz1", 4), ("vrf_evpnz2", 4), (None, 6), ("vrf_evpnz1", 6), ("vrf_evpnz2", 6),
    ]  # fmt: skip
    assert Counter((one.over is None, one.size) for one in pve01.pings) == {(False, 9000): 10, (True, 9000): 4}
    assert len(wanted.guests) == 8
    asked = pings_of(pve01)
    assert asked["pings"][0] == {"source": "10.10.0.11", "target": "10.10.0.254", "size": 9000}
    assert len(asked["pings"]) == 14


def test_vteps_of_ipv6_are_the_loopbacks_of_that_family_and_packets_between_them_20_bytes_larger() -> None:
    data = site_data("homelab")
    for host in data["hosts"].values():
        host["frr_version"] = "10.7"
    for zone in data["zones"].values():
        zone.update(vtep="ipv6", mtu=8930)
    pve01 = expected(plan(load_site(data))).hosts["pve01"]
    assert {vni.vtep for vni in pve01.vnis} == {"fd00:0:0:ffff::1"}
    assert {vni.distinguisher for vni in pve01.vnis} == {"10.255.0.1:"}
    assert {one.version: one.families for one in pve01.sessions if not one.is_edge} == {
        4: ("ipv4 unicast",), 6: ("ipv6 unicast", "l2vpn evpn"),
    }  # fmt: skip
    assert {ping.size for ping in pve01.pings if ping.over is None} == {8930 + 70}


def _no_adjacency(fabric: Fabric) -> None:
    fabric.drop("pve01", "ospf_ipv4", lambda one: one["interface"] == "vmbr1v20")
    fabric.one("pve01", "ways", prefix="10.255.0.2/32")["interfaces"] = ["vmbr1v21"]


def _only_by_management(fabric: Fabric) -> None:
    fabric.one("pve02", "ways", prefix="fd00:0:0:ffff::3/128")["interfaces"] = ["vmbr0.10"]


def _session_down(fabric: Fabric) -> None:
    fabric.one("pve02", "sessions", vrf="default", address="10.255.0.3")["state"] = "Active"
    for vni in fabric.of("pve02")["vnis"]:
        vni["remotes"] = [address for address in vni["remotes"] if address != "10.255.0.3"]


def _set(host: str, name: str, where: dict[str, Any], **changes: Any) -> Callable[[Fabric], None]:
    return lambda fabric: fabric.one(host, name, **where).update(changes)


def _drop(host: str, name: str, **where: Any) -> Callable[[Fabric], None]:
    return lambda fabric: fabric.drop(host, name, lambda one: where.items() <= one.items())


def _guest_gone(fabric: Fabric) -> None:
    fabric.one("pve01", "sessions", vrf=Z1, address=DEBIAN)["state"] = "Idle (PfxCt)"
    fabric.drop("pve01", "routes", lambda one: one["peer"] == DEBIAN)


def _guest_twice(fabric: Fabric) -> None:
    fabric.one("pve02", "sessions", vrf=Z1, address=DEBIAN)["state"] = "Established"
    fabric.of("pve02")["routes"] += [
        {"vrf": Z1, "peer": DEBIAN, "prefix": prefix, "best": True}
        for prefix in ("10.101.254.6/32", "fd00:101:fe::6/128")
    ]
    fabric.of("pve02")["exports"] += ["10.101.254.6/32", "fd00:101:fe::6/128"]


LINK = {"source": "10.20.20.0", "target": "10.20.20.1"}
BETWEEN = {"source": "fd00:0:0:ffff::1", "target": "fd00:0:0:ffff::3"}
SEEN = {"vrf": Z1, "address": SOLCP01}
DEFECTS: dict[str, tuple[Callable[[Fabric], None], list[tuple[str, str, str]]]] = {
    "a link without an adjacency": (
        _no_adjacency,
        [
            ("pve01", "OSPF", "OSPFv2 with pve02 on mesh-pve01-pve02"),
            ("pve01", "next hop", "pve02's loopback 10.255.0.2/32"),
        ],
    ),
    "an adjacency that stays at Exchange": (
        _set("pve03", "ospf_ipv6", {"interface": "vmbr1v21"}, state="Exchange"),
        [("pve03", "OSPF", "OSPFv3 with pve01 on mesh-pve01-pve03")],
    ),
    "a loopback by way of management while the mesh is there": (
        _only_by_management,
        [("pve02", "next hop", "pve03's loopback fd00:0:0:ffff::3/128")],
    ),
    "an iBGP session that is down, whose VTEPs are then lacking": (
        _session_down,
        [("pve02", "session", "iBGP with pve03, IPv4")],
    ),
    "an iBGP session that has lost EVPN": (
        _set("pve01", "sessions", {"address": "10.255.0.2"}, families=["ipv4 unicast"]),
        [("pve01", "session", "iBGP with pve02, IPv4")],
    ),
    "an edge session that was never configured": (
        _drop("pve01", "sessions", address="fd00:0:0:ffff::fffe"),
        [("pve01", "session", "eBGP with edge1, IPv6")],
    ),
    "a default by way of another host": (
        lambda fabric: fabric.of("pve03")["defaults"][0].update(next_hops=["10.255.0.1"]),
        [("pve03", "default", "IPv4 default of the main table")],
    ),
    "a VRF without a default": (
        _set("pve03", "vrf_defaults", {"vrf": "vrf_evpnz2", "family": "ipv6"}, next_hops=[]),
        [("pve03", "default", "IPv6 default of vrf_evpnz2")],
    ),
    "an L3VNI that is down": (
        _set("pve01", "vnis", {"vni": 4096}, state="Down"),
        [("pve01", "VNI", "L3VNI 4096 (evpnz1)")],
    ),
    "an L2VNI that is gone": (_drop("pve01", "vnis", vni=10101), [("pve01", "VNI", "L2VNI 10101 (vnet101)")]),
    "a VNI that speaks from another address": (
        _set("pve01", "vnis", {"vni": 10101}, vtep="10.10.0.11"),
        [("pve01", "VNI", "L2VNI 10101 (vnet101)")],
    ),
    "a VTEP that nobody planned": (
        lambda fabric: fabric.one("pve01", "vnis", vni=10101)["remotes"].append("10.255.0.77"),
        [("pve01", "VNI", "L2VNI 10101 (vnet101)")],
    ),
    "a route target of another ASN": (
        _set("pve02", "labels", {"vni": 4097}, export=["65000:4097"]),
        [("pve02", "VNI", "RD and RTs of L3VNI 4097 (evpnz2)")],
    ),
    "a guest that no host hears": (_guest_gone, [("pve01", "guest", "session of debian-test-1")]),
    "a guest that two hosts hear": (_guest_twice, [("pve01", "guest", "session of debian-test-1")]),
    "a loopback that is refused": (
        _drop("pve01", "routes", peer=DEBIAN, prefix="10.101.254.6/32"),
        [("pve01", "route", "10.101.254.6/32 of debian-test-1")],
    ),
    "a loopback of which another path is used": (
        _set("pve01", "routes", {"peer": DEBIAN, "prefix": "10.101.254.6/32"}, best=False),
        [("pve01", "route", "10.101.254.6/32 of debian-test-1")],
    ),
    "a loopback that the edge is not told": (
        lambda fabric: fabric.of("pve01")["exports"].remove("10.101.254.6/32"),
        [("pve01", "route", "10.101.254.6/32 of debian-test-1")],
    ),
    "a loopback that another host exports, too": (
        lambda fabric: fabric.of("pve03")["exports"].append("10.101.254.6/32"),
        [("pve03", "route", "10.101.254.6/32 of debian-test-1")],
    ),
    "a guest with more routes than its policy allows": (
        _set("pve01", "sessions", SEEN, accepted={"ipv4 unicast": 2000, "ipv6 unicast": 2}),
        [("pve01", "route", "number of routes of solcp01")],
    ),
    "a link that loses large packets": (
        _set("pve01", "pings", LINK, answered=False),
        [("pve01", "MTU", "10.20.20.1 (pve02) on mesh-pve01-pve02")],
    ),
    "a way between VTEPs that loses large packets": (
        _set("pve01", "pings", BETWEEN, answered=False),
        [("pve01", "MTU", "fd00:0:0:ffff::3 (pve03) from VTEP to VTEP")],
    ),
    "a loopback that nobody answers at": (
        _set("pve01", "pings", BETWEEN, answered=False, answered_small=False),
        [("pve01", "MTU", "fd00:0:0:ffff::3 (pve03) from VTEP to VTEP")],
    ),
    "a daemon that is gone, with all that only it knows": (
        lambda fabric: fabric.of("pve02").update(away={"bgpd": "bgpd: Connection refused"}, sessions=[], routes=[]),
        [("pve02", "daemon", "bgpd")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DEFECTS)
def test_a_defect_is_exactly_its_own_finding(what: str) -> None:
    break_it, wanted = DEFECTS[what]
    fabric = Fabric()
    break_it(fabric)
    assert fabric.failing() == wanted


def test_a_finding_says_what_was_expected_what_was_seen_why_it_matters_and_what_to_do() -> None:
    fabric = Fabric()
    _session_down(fabric)
    (found,) = fabric.judged().findings
    assert (found.expected, found.rule) == ("Established: ipv4 unicast, l2vpn evpn", "R3")
    assert found.seen.startswith("Active")
    assert found.why == "these two hosts do not learn of each other's guests"
    assert "show bgp neighbors 10.255.0.3" in found.remedy
    for break_it, _ in DEFECTS.values():
        fabric = Fabric()
        break_it(fabric)
        assert all(one.expected and one.seen and one.why and one.remedy for one in fabric.judged().findings)


def _without(fabric: Fabric, host: str) -> None:
    """What the others see of a host that has lost its power."""
    number = host[-1]
    for other in HOSTS:
        if other == host:
            continue
        for name in ("ospf_ipv4", "ospf_ipv6"):
            fabric.drop(other, name, lambda one: one["router_id"] == f"10.255.0.{number}")
        fabric.drop(
            other, "ways", lambda one: one["prefix"] in (f"10.255.0.{number}/32", f"fd00:0:0:ffff::{number}/128")
        )
        for session in fabric.of(other)["sessions"]:
            if session["address"] in (f"10.255.0.{number}", f"fd00:0:0:ffff::{number}"):
                session.update(state="Active", families=[])
        for vni in fabric.of(other)["vnis"]:
            vni["remotes"] = [address for address in vni["remotes"] if address != f"10.255.0.{number}"]
        for ping in fabric.of(other)["pings"]:
            if ping["target"] in (f"10.255.0.{number}", f"fd00:0:0:ffff::{number}") or ".20.2" in ping["target"]:
                ping.update(answered=False, answered_small=False)


def test_a_host_that_is_down_is_named_once() -> None:
    fabric = Fabric()
    _without(fabric, "pve02")
    fabric.answers["pve02"] = "connect: 10.10.0.12:22: no answer within 10 s"
    fabric.one("pve01", "pings", source="10.20.21.0")["answered"] = True
    fabric.one("pve03", "pings", source="10.20.21.1")["answered"] = True
    assert fabric.failing() == [("pve02", "host", "its agent")]
    assert fabric.judged().findings[0].seen == "connect: 10.10.0.12:22: no answer within 10 s"


def test_a_host_in_maintenance_is_not_judged_and_fails_nothing() -> None:
    fabric = Fabric()
    _without(fabric, "pve02")
    fabric.left_alone = {"pve02": "new disks"}
    for host, source in (("pve01", "10.20.21.0"), ("pve03", "10.20.21.1")):
        fabric.one(host, "pings", source=source)["answered"] = True
    judged = fabric.judged()
    assert judged.findings == ()
    assert judged.left_alone == {"pve02": "new disks"}


def test_the_way_round_a_host_that_is_down_is_as_good_as_the_planned_one_and_no_other_is() -> None:
    fabric = Fabric()
    _without(fabric, "pve02")
    fabric.answers["pve02"] = "connect: no answer"
    for host, source in (("pve01", "10.20.21.0"), ("pve03", "10.20.21.1")):
        fabric.one(host, "pings", source=source)["answered"] = True
    fabric.one("pve01", "ways", prefix="10.255.0.3/32")["interfaces"] = ["vmbr0.10"]
    assert ("pve01", "next hop", "pve03's loopback 10.255.0.3/32") in fabric.failing()


def test_an_edge_that_is_down_is_named_once_and_not_by_every_host() -> None:
    fabric = Fabric()
    for host in HOSTS:
        for name in ("ospf_ipv4", "ospf_ipv6"):
            fabric.drop(host, name, lambda one: one["router_id"] == "10.255.0.254")
        for session in fabric.of(host)["sessions"]:
            if session["address"] in ("10.255.0.254", "fd00:0:0:ffff::fffe"):
                session["state"] = "Active"
        for default in (*fabric.of(host)["defaults"], *fabric.of(host)["vrf_defaults"]):
            default["next_hops"] = []
        for ping in fabric.of(host)["pings"]:
            if ping["target"] in ("10.10.0.254", "fd00:10::ffff"):
                ping.update(answered=False, answered_small=False)
    assert fabric.failing() == [("edge1", "edge", "its sessions")]


def test_a_guest_is_not_missed_while_a_host_that_may_have_it_does_not_answer() -> None:
    fabric = Fabric()
    _guest_gone(fabric)
    fabric.answers["pve03"] = "connect: no answer"
    assert ("pve01", "guest", "session of debian-test-1") not in fabric.failing()


def test_hosts_that_nobody_asked_are_taken_to_be_there() -> None:
    fabric = Fabric()
    fabric.answers = {"pve01": fabric.answers["pve01"]}
    assert fabric.judged().holds
    fabric.one("pve01", "sessions", address="10.255.0.2")["state"] = "Active"
    assert fabric.failing() == [("pve01", "session", "iBGP with pve02, IPv4")]


def test_without_an_answer_nothing_holds() -> None:
    homelab = plan_of("homelab")
    assert not judge(homelab, expected(homelab), {}, {}).holds
    silent = judge(homelab, expected(homelab), dict.fromkeys(HOSTS, "no answer"), {})
    assert [one.host for one in silent.findings] == list(HOSTS)


def test_findings_come_in_the_order_of_hosts_and_of_what_brings_about_the_next() -> None:
    fabric = Fabric()
    for what in ("a link that loses large packets", "a guest that no host hears", "an L2VNI that is gone"):
        DEFECTS[what][0](fabric)
    for what in ("an adjacency that stays at Exchange", "a loopback by way of management while the mesh is there"):
        DEFECTS[what][0](fabric)
    assert [(host, kind) for host, kind, _ in fabric.failing()] == [
        ("pve01", "VNI"), ("pve01", "guest"), ("pve01", "MTU"), ("pve02", "next hop"), ("pve03", "OSPF"),
    ]  # fmt: skip


def test_a_cut_cable_is_told_as_its_adjacencies_and_ways_and_not_as_pings() -> None:
    fabric = Fabric()
    for name in ("ospf_ipv4", "ospf_ipv6"):
        fabric.drop("pve01", name, lambda one: one["interface"] == "vmbr1v20")
    for prefix in ("10.255.0.2/32", "fd00:0:0:ffff::2/128"):
        fabric.one("pve01", "ways", prefix=prefix)["interfaces"] = ["vmbr1v21"]
    for source in ("10.20.20.0", "fc00:20::1"):
        fabric.one("pve01", "pings", source=source).update(answered=False, answered_small=False)
    assert [kind for _, kind, _ in fabric.failing()] == ["OSPF", "OSPF", "next hop", "next hop"]


@pytest.mark.parametrize("name", ["sessions", "vnis", "pings", "away", "schema_version"])
def test_an_answer_that_lacks_something_is_none(name: str) -> None:
    answer = said("pve01")
    del answer[name]
    with pytest.raises(BadAnswer, match=name):
        seen("pve01", answer)


def test_an_answer_of_another_version_says_what_to_do() -> None:
    with pytest.raises(BadAnswer, match="trellis install pve01"):
        seen("pve01", json.loads(json.dumps(said("pve01"))) | {"schema_version": 2})

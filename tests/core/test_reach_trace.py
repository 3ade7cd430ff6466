"""A trace follows what the plan does: its filters, its links, its leaks and services."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.core import broken
from tests.core.leaking import leaking_homelab
from tests.sites import plan_of, site_data
from trellis.plan import Plan, plan
from trellis.reach.fabric import Fabric
from trellis.reach.failure import down_of
from trellis.reach.path import Path
from trellis.reach.places import UnknownPlaceError
from trellis.reach.trace import FamilyTrace, trace
from trellis.reach.trace_text import trace_text
from trellis.reach.walk import Walk
from trellis.reach.what_if import what_if
from trellis.site import load_site


def once(planned: Plan, source: str, target: str, **how: Any) -> FamilyTrace:
    """Return the trace of IPv4."""
    return trace(planned, source, target, versions=(4,), **how).families[0]


def stop(path: Path) -> tuple[str, str] | None:
    return None if path.stop is None else (path.stop.node, path.stop.rule)


def test_guests_of_one_subnet_are_bridged_and_routed_addresses_take_the_zones_vni() -> None:
    own, routed = (once(plan_of("homelab"), source, target) for source, target in (OWN, LOOPBACKS))
    assert [hop.onward.vxlan.kind for hop in own.there[0].hops if hop.onward and hop.onward.vxlan] == ["L2VNI"]
    assert [hop.onward.vxlan.vni for hop in routed.there[0].hops if hop.onward and hop.onward.vxlan] == [4096]


OWN, LOOPBACKS = ("10.101.0.11", "10.101.0.12"), ("solcp01", "solcp02")


def test_a_filter_that_keeps_a_route_from_other_hosts_sends_its_packets_by_way_of_the_edge() -> None:
    silent = broken.entries(plan_of("homelab"), "TL-EVPN-OUT", lambda entry: replace(entry, action="deny"))
    found = once(silent, *LOOPBACKS)
    assert found.answered
    assert found.there[0].nodes == ("solcp01", "pve01", "edge1", "pve02", "solcp02")
    assert once(plan_of("homelab"), *LOOPBACKS).there[0].nodes == ("solcp01", "pve01", "pve02", "solcp02")


def test_a_route_that_its_guests_filter_denies_is_nowhere() -> None:
    refused = broken.entries(plan_of("homelab"), "TL-G-solcp02-IN", lambda entry: replace(entry, action="deny"))
    found = once(refused, *LOOPBACKS)
    assert not found.arrives
    assert stop(found.there[0]) == ("edge1", "no route")


def test_a_link_that_carries_less_than_the_zone_needs_is_named() -> None:
    site = plan_of("homelab")
    small = tuple(replace(link, mtu=1500) if link.name == "mesh-pve01-pve02" else link for link in site.links)
    found = trace(replace(site, links=small), *LOOPBACKS, versions=(4,))
    assert found.families[0].mtu == 1450
    text = "TOO LARGE: the zone's largest packet takes 9000 bytes; the link carries 1500"
    assert text in trace_text(found)
    assert "TOO LARGE" not in trace_text(trace(site, *LOOPBACKS))


def test_vxlan_over_ipv6_costs_seventy_bytes() -> None:
    site = site_data("homelab")
    for host in site["hosts"].values():
        host |= {"pve_version": "9.2", "frr_version": "10.7"}
    for zone in site["zones"].values():
        zone |= {"vtep": "ipv6", "mtu": 8930}
    found = once(plan(load_site(site)), *LOOPBACKS)
    wrapped = next(hop.onward.vxlan for hop in found.there[0].hops if hop.onward and hop.onward.vxlan)
    assert (wrapped.outer, wrapped.overhead, wrapped.target) == ("ipv6", 70, "fd00:0:0:ffff::2")
    assert found.mtu == 8930


def test_a_zone_that_leaks_is_reached_by_the_leaks_prefixes_alone() -> None:
    leaking = leaking_homelab()
    assert once(leaking, "solcp01", "isolated-1").answered
    own = once(leaking, "10.101.0.11", "isolated-1")
    assert stop(own.there[0]) == ("pve01", "R12 other zone")
    assert own.there[0].stop is not None
    assert "leak backup leaves 10.101.0.11 out" in own.there[0].stop.why
    assert own.there[0].stop.remedy == "add the prefix to leaks.backup.prefixes"


@pytest.mark.parametrize(
    ("source", "target", "protocol", "port", "passes"),
    [
        ("solcp01", "10.10.0.11", "tcp", 8006, True),
        ("solcp03", "10.10.0.11", "tcp", 8006, True),
        ("solcp01", "10.10.0.11", "tcp", 22, False),
        ("solcp01", "10.10.0.11", "icmp", 0, False),
        ("solcp01", "10.10.0.12", "tcp", 8006, False),
        ("isolated-1", "10.10.0.11", "tcp", 8006, False),
        ("10.101.0.11", "10.101.0.254", "udp", 123, True),
        ("10.101.0.11", "10.101.0.254", "udp", 53, False),
        ("10.101.0.11", "10.101.0.254", "tcp", 22, False),
        ("10.101.0.11", "10.101.0.254", "tcp", 179, False),  # guests' sessions are of IPv6
        ("fd00:101::11", "fd00:101::fffe", "tcp", 179, True),
        ("fd00:101::11", "fd00:101::fffe", "udp", 3784, True),
        ("fd00:101::11", "fd00:101::fffe", "icmp", 0, True),
    ],
)
def test_of_the_infrastructure_guests_reach_what_is_declared(
    source: str, target: str, protocol: Any, port: int, passes: bool
) -> None:
    found = trace(leaking_homelab(), source, target, protocol=protocol, port=port)
    assert [family.answered for family in found.families] == [passes]


def test_the_infrastructure_is_answered_except_over_udp() -> None:
    site = plan_of("homelab")
    assert once(site, "edge1", "solcp01").answered
    assert once(site, "pve01", "solcp02", protocol="tcp", port=22).answered
    found = once(site, "edge1", "solcp01", protocol="udp", port=161)
    assert found.arrives
    assert [stop(path) for path in found.back] == [("pve01", "R12 infrastructure")]


def test_a_remedy_names_the_entry_that_would_let_the_packet_pass() -> None:
    found = once(plan_of("homelab"), "solcp01", "10.255.0.3", protocol="tcp", port=8006)
    assert found.there[0].stop is not None
    assert found.there[0].stop.remedy == (
        "firewall: {NAME: {vnets: [vnet101], protocol: tcp, ports: [8006], to: [10.255.0.3/32]}}"
    )


def test_equal_paths_over_equal_links_are_all_told() -> None:
    site = plan_of("homelab")
    found = once(site, *LOOPBACKS, down=down_of(site, ["mesh-pve01-pve02", "management"]))
    onward = next(hop.onward for hop in found.there[0].hops if hop.onward and hop.onward.vxlan)
    assert [link.name for link in onward.links] == ["mesh-pve01-pve03", "mesh-pve02-pve03"]
    assert (onward.cost, onward.equal_paths) == (20, (("mesh-pve01-pve03", "mesh-pve02-pve03"),))
    to_the_edge = Walk(Fabric(site, down_of(site, ["management:pve02"]))).underlay.paths("pve02", "edge1")
    assert [[step.link.name for step in path] for path in to_the_edge] == [
        ["mesh-pve01-pve02", "management"],
        ["mesh-pve02-pve03", "management"],
    ]


def test_a_packet_that_crosses_a_host_unwrapped_is_looked_up_there_and_goes_on_in_the_zone_s_vxlan() -> None:
    """Without pve02's own way to the edge, packets to its guests cross a host that has their routes from EVPN alone."""
    site = plan_of("homelab")
    found = once(site, "internet", "solcp02", down=down_of(site, ["management:pve02"]))
    assert found.answered
    assert [stop(path) for path in found.there] == [None, None]
    by = {tuple(hop.node for hop in path.hops if hop.onward and hop.onward.vxlan) for path in found.there}
    assert by == {("pve01",), ("pve03",)}
    # Every host's main table has the zone's subnets, so that a guest's own address is found as well.
    assert once(site, "internet", "10.101.0.12", down=down_of(site, ["management:pve02"])).answered


def test_a_host_outside_of_a_zone_has_none_of_its_routes_and_packets_that_cross_it_go_in_a_circle() -> None:
    data = site_data("homelab")
    data["zones"]["evpnz2"]["nodes"] = ["pve02"]
    site = plan(load_site(data))
    found = once(site, "internet", "isolated-1", down=down_of(site, ["management:pve02"]))
    assert {stop(path) for path in found.there} == {("edge1", "forwarding loop")}


def ring(hops: int) -> Plan:
    """Return the homelab as a ring of pve01, pve02, pve03 and edge1 whose edge sessions span so many hops at most."""
    site = site_data("homelab")
    ends = [("pve01", "pve02"), ("pve02", "pve03"), ("pve03", "edge1"), ("pve01", "edge1")]
    site["links"] = {
        f"{a}-{b}": {"mtu": 9000, "ends": {a: {"interface": f"to-{b}"}, b: {"interface": f"to-{a}"}}} for a, b in ends
    }
    site["edges"]["edge1"]["max_hops"] = hops
    return plan(load_site(site))


def test_a_host_too_far_for_its_edge_session_takes_the_default_of_another() -> None:
    near, far = (Walk(Fabric(site, down_of(site, ["pve01-edge1"]))) for site in (ring(3), ring(2)))
    assert [near.control.edge_session(host, "edge1") for host in ("pve01", "pve02", "pve03")] == [True, True, True]
    assert [far.control.edge_session(host, "edge1") for host in ("pve01", "pve02", "pve03")] == [False, True, True]
    (default,) = far.tables.upstream("pve01", 4)
    assert (default.learned, [via.to for via in default.via]) == ("host", ["pve02"])


def test_names_that_are_not_known_are_answered_with_those_near() -> None:
    with pytest.raises(UnknownPlaceError, match="no guest, host or edge solcp1; did you mean solcp01"):
        trace(plan_of("homelab"), "solcp1", "internet")
    with pytest.raises(UnknownPlaceError, match=r"10\.101\.0\.254 is a gateway, which every host of its zone has"):
        trace(plan_of("homelab"), "10.101.0.254", "internet")
    with pytest.raises(UnknownPlaceError, match="no router on management pve9; did you mean pve0"):
        down_of(plan_of("homelab"), ["management:pve9"])


def test_pods_of_a_cluster_lose_each_other_with_the_only_edge() -> None:
    """Guests are told the default and their peers' loopbacks; without an edge nothing leads to peers' pods."""
    site = plan_of("homelab")
    found = what_if(site, down_of(site, ["edge1"]))
    assert {apart.addresses for apart in found.separated} == {"pods"}
    assert once(site, "solcp01", "10.101.241.5").answered
    assert not once(site, "solcp01", "10.101.241.5", down=down_of(site, ["edge1"])).arrives


def test_quorum_is_a_majority_that_reaches_each_other() -> None:
    site = plan_of("homelab")
    states = {
        down: what_if(site, down_of(site, down.split())).clusters[0] for down in ("pve01", "pve01 pve03", "pve02")
    }
    assert {down: (state.control_planes_left, state.keeps_quorum) for down, state in states.items()} == {
        "pve01": (2, True),
        "pve02": (2, True),
        "pve01 pve03": (1, False),
    }


def test_a_host_without_any_link_is_cut_off_with_its_guests() -> None:
    site = plan_of("homelab")
    found = what_if(site, down_of(site, ["mesh-pve01-pve02", "mesh-pve02-pve03", "management:pve02"]))
    assert found.partitions == (("edge1", "pve01", "pve03"), ("pve02",))
    assert {(lost.guest, lost.reason) for lost in found.unreachable_guests} == {
        ("isolated-1", "cut off"),
        ("solcp02", "cut off"),
        ("solwk02", "cut off"),
    }
    # Their sessions with their own host stay.
    assert not any(lost.kind == "guest" for lost in found.lost_sessions)

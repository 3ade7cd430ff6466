"""Defects of a running fabric, each as the answer that would show it: what is wrong, and which rows must turn red.

What they are put on is what a real twin said (``tests.lab.recorded``); they are tried in ``test_proof``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from trellis.lab.evidence import Question
from trellis.lab.proof import ask

PVE01_4, PVE02_4, EDGE_4 = (ip_address(f"10.255.0.{last}") for last in (1, 2, 254))
SOLCP01, SOLCP01_LO = ip_address("fd00:101::11"), ip_network("10.101.254.11/32")
EDGE_6 = ip_address("fd00:0:0:ffff::fffe")


def peer(said: Any, address: object) -> Any:
    return said[str(address)]


def drop_family(address: object, family: str) -> Callable[[Any], object]:
    return lambda said: peer(said, address)["neighborCapabilities"]["multiprotocolExtensions"].pop(family)


def set_state(address: object, state: str) -> Callable[[Any], object]:
    return lambda said: peer(said, address).update(bgpState=state)


def established_here_too(said: Any) -> None:
    for family in said.values():
        family["peers"]["fd00:101::11"]["state"] = "Established"


def first_hop(said: Any) -> Any:
    return said[str(SOLCP01_LO)][0]["nexthops"][0]


def second_hop(said: Any) -> None:
    hops = said[str(SOLCP01_LO)][0]["nexthops"]
    hops.append({**hops[0], "ip": "10.255.0.2"})


def only_one_hop_is_left(said: Any) -> None:
    route = said["10.101.0.0/24"][0]
    route["nexthops"] = [hop for hop in route["nexthops"] if hop["ip"] != "10.255.0.3"]


def v3_neighbour_lost(said: Any) -> None:
    said["neighbors"] = [entry for entry in said["neighbors"] if entry["interfaceName"] != "vmbr1v20"]


def v2_neighbour_stuck(said: Any) -> None:
    for entry in said["neighbors"]["10.255.0.2"]:
        if entry["ifaceName"].startswith("vmbr1v20"):
            entry["nbrState"] = "ExStart/-"


def segment_without_a_designated_router(said: Any) -> None:
    for entries in said["neighbors"].values():
        for entry in entries:
            if entry["ifaceName"].startswith("vmbr0.10"):
                entry["nbrState"] = "2-Way/DROther"


def copy_route(prefix: str, model: str) -> Callable[[Any], object]:
    def edit(said: Any) -> None:
        table = said.get("routes", said)
        table[prefix] = table[model]

    return edit


def device_info(said: Any, address: str) -> Any:
    return next(info for info in said[0]["addr_info"] if info["local"] == address)


@dataclass(frozen=True)
class Defect:
    what: str
    question: Question
    edit: Callable[[Any], object]
    red: tuple[str, ...]


DEFECTS = (
    Defect(
        "a link whose OSPFv2 is stuck in ExStart",
        ask.ospf("pve01", 4),
        v2_neighbour_stuck,
        ("UNDERLAY: mesh-pve01-pve02: OSPFv2 of pve01",),
    ),
    Defect(
        "a link without an OSPFv3 neighbour",
        ask.ospf("pve01", 6),
        v3_neighbour_lost,
        ("UNDERLAY: mesh-pve01-pve02: OSPFv3 of pve01",),
    ),
    Defect(
        "a segment on which nobody is Full",
        ask.ospf("pve01", 4),
        segment_without_a_designated_router,
        ("UNDERLAY: management: OSPFv2 of pve01",),
    ),
    Defect(
        "iBGP that did not agree on EVPN",
        ask.neighbour("pve01", PVE02_4),
        drop_family(PVE02_4, "l2VpnEvpn"),
        ("MESH: pve01 to pve02, IPv4",),
    ),
    Defect(
        "an iBGP session that is down",
        ask.neighbour("pve01", PVE02_4),
        set_state(PVE02_4, "Connect"),
        ("MESH: pve01 to pve02, IPv4",),
    ),
    Defect(
        "an edge session that only the host takes for up",
        ask.neighbour("edge1", PVE01_4),
        set_state(PVE01_4, "Active"),
        ("EDGE_SESSIONS: edge1 to pve01, IPv4",),
    ),
    Defect(
        "an edge session that only the edge takes for up",
        ask.neighbour("pve01", EDGE_4),
        set_state(EDGE_4, "Idle"),
        ("EDGE_SESSIONS: pve01 to edge1, IPv4",),
    ),
    Defect(
        "a guest session that is down",
        ask.neighbour("pve01", SOLCP01, "evpnz1"),
        set_state(SOLCP01, "Idle"),
        ("GUEST_SESSIONS: solcp01 (AS4210101011) on pve01",),
    ),
    Defect(
        "a guest session for IPv6 only",
        ask.neighbour("pve01", SOLCP01, "evpnz1"),
        drop_family(SOLCP01, "ipv4Unicast"),
        ("GUEST_SESSIONS: solcp01 (AS4210101011) on pve01",),
    ),
    Defect(
        "a guest session on a second host",
        ask.summary("pve03", "evpnz1"),
        established_here_too,
        ("GUEST_ELSEWHERE: solcp01",),
    ),
    Defect(
        "a guest of another host among what a host tells the edge",
        ask.advertised("pve01", EDGE_4),
        lambda said: said["advertisedRoutes"].update({"10.101.254.12/32": {}}),
        ("EXPORTS: IPv4 of pve01 to edge1",),
    ),
    Defect(
        "a guest's route that its host does not export",
        ask.advertised("pve01", EDGE_6),
        lambda said: said["advertisedRoutes"].pop("fd00:101:fe::11/128"),
        ("EXPORTS: IPv6 of pve01 to edge1",),
    ),
    Defect(
        "a guest's route that a host tells another in the global table",
        ask.advertised("pve01", PVE02_4),
        lambda said: said["advertisedRoutes"].update({"10.101.254.11/32": {}}),
        ("EXPORTS: IPv4 of pve01 to pve02",),
    ),
    Defect(
        "a guest's loopback by way of two hosts",
        ask.route("edge1", SOLCP01_LO),
        second_hop,
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback by way of another host",
        ask.route("edge1", SOLCP01_LO),
        lambda said: first_hop(said).update(ip="10.255.0.3"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback that the edge's kernel has not got",
        ask.route("edge1", SOLCP01_LO),
        lambda said: said[str(SOLCP01_LO)][0].pop("installed"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "a guest's loopback by OSPF",
        ask.route("edge1", SOLCP01_LO),
        lambda said: said[str(SOLCP01_LO)][0].update(protocol="ospf"),
        ("EDGE_GUESTS: solcp01 loopback 10.101.254.11/32 at edge1",),
    ),
    Defect(
        "no route to a node's pods",
        ask.route("edge1", ip_network("fd00:101:244::/64")),
        lambda said: said.clear(),
        ("EDGE_GUESTS: solcp01 pods fd00:101:244::/64 at edge1",),
    ),
    Defect(
        "a subnet that one host does not export",
        ask.route("edge1", ip_network("10.101.0.0/24")),
        only_one_hop_is_left,
        ("EDGE_SUBNETS: vnet101 10.101.0.0/24 at edge1",),
    ),
    Defect(
        "a host's loopback leaked to the edge",
        ask.bgp_table("edge1", 4),
        copy_route("10.255.0.2/32", "10.101.0.0/24"),
        ("EDGE_NOTHING_ELSE: IPv4 at edge1",),
    ),
    Defect(
        "a host's own address in a VNet leaked to the edge",
        ask.bgp_table("edge1", 4),
        copy_route("10.101.0.254/32", "10.101.0.0/24"),
        ("EDGE_NOTHING_ELSE: IPv4 at edge1",),
    ),
    Defect(
        "an edge without any route",
        ask.bgp_table("edge1", 6),
        lambda said: said["routes"].clear(),
        ("EDGE_NOTHING_ELSE: IPv6 at edge1",),
    ),
    Defect(
        "a guest without a default route",
        ask.default_route("pve01", "solcp01", 4),
        lambda said: said.clear(),
        ("DEFAULTS: solcp01, IPv4",),
    ),
    Defect(
        "a guest with only a static default route",
        ask.default_route("pve01", "solcp01", 6),
        lambda said: said[0].update(protocol="static"),
        ("DEFAULTS: solcp01, IPv6",),
    ),
    Defect(
        "a guest whose default is not by the anycast gateway",
        ask.default_route("pve01", "solcp01", 6),
        lambda said: said[0].update(gateway="fe80::1"),
        ("DEFAULTS: solcp01, IPv6",),
    ),
    Defect(
        "a route of the second zone in the first one's kernel table",
        ask.all_routes("pve01", 4, "evpnz1"),
        copy_route("10.200.254.6/32", "10.101.254.11/32"),
        ("ISOLATION: vrf_evpnz1, IPv4 routes of pve01",),
    ),
    Defect(
        "a more specific route of the first zone in the second one's BGP table",
        ask.bgp_table("pve03", 6, "evpnz2"),
        copy_route("fd00:101:244:0:1::/80", "::/0"),
        ("ISOLATION: vrf_evpnz2, IPv6 BGP table of pve03",),
    ),
    Defect(
        "a VRF that lacks a route of its own, learned from another host",
        ask.all_routes("pve01", 4, "evpnz1"),
        lambda said: said.pop("10.101.254.12/32"),
        ("ISOLATION: vrf_evpnz1, IPv4 routes of pve01",),
    ),
    Defect(
        "a gateway with another MAC on one host",
        ask.device("pve02", "vnet101"),
        lambda said: said[0].update(address="bc:24:11:00:00:01"),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a gateway that one host takes for a duplicate",
        ask.device("pve02", "vnet101"),
        lambda said: device_info(said, "fd00:101::fffe").update(dadfailed=True),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a gateway with a further link-local on one host",
        ask.device("pve02", "vnet101"),
        lambda said: said[0]["addr_info"].append({"local": "fe80::1", "scope": "link"}),
        ("GATEWAY: vnet101",),
    ),
    Defect(
        "a host without the IPv4 gateway",
        ask.device("pve02", "vnet101"),
        lambda said: said[0]["addr_info"].remove(device_info(said, "10.101.0.254")),
        ("GATEWAY: vnet101",),
    ),
)

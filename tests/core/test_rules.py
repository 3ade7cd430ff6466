"""The rules R2-R14 hold on every example, and each notices the defects that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.core import broken
from tests.sites import EXAMPLES, bundles_of, plan_of
from trellis.plan import Plan
from trellis.plan.filter_model import RouteMapEntry
from trellis.plan.firewall_model import LeakPlan
from trellis.plan.model import Session, SilencedInterface, VrfRoute
from trellis.plan.rules import RULES, violations
from trellis.render import Bundle
from trellis.render.firewall import FIREWALL
from trellis.render.rules import text_violations

Change = Callable[[Plan], Plan]


def _without(*fields: str) -> Callable[[RouteMapEntry], RouteMapEntry]:
    blank = RouteMapEntry()
    return lambda entry: replace(entry, **{field: getattr(blank, field) for field in fields})


def _set(**changes: object) -> Callable[[RouteMapEntry], RouteMapEntry]:
    return lambda entry: replace(entry, **changes)  # type: ignore[arg-type]


def _entries(route_map: str, change: Callable[[RouteMapEntry], RouteMapEntry | None]) -> Change:
    return lambda plan: broken.entries(plan, route_map, change)


def _prefixes(prefix_list: str, **changes: object) -> Change:
    return lambda plan: broken.prefix_entries(plan, prefix_list, **changes)


def _sessions(vrf: str | None, name: str, **changes: object) -> Change:
    return lambda plan: broken.sessions(plan, vrf, name, **changes)


def _families(vrf: str | None, **changes: object) -> Change:
    return lambda plan: broken.families(plan, vrf, **changes)


def _peers(vrf: str | None, name: str, **changes: object) -> Change:
    return lambda plan: broken.peers(plan, vrf, name, **changes)


def _extra_session(vrf: str | None, session: Session) -> Change:
    return lambda plan: broken.instances(plan, vrf, lambda found: replace(found, sessions=(*found.sessions, session)))


def _listens(vrf: str | None, heard: tuple[str, str]) -> Change:
    return lambda plan: broken.instances(plan, vrf, lambda found: replace(found, listens=(heard,)))


def _permitted(entry: RouteMapEntry) -> RouteMapEntry | None:
    return None if entry.action == "deny" else entry


def _vnets(**changes: object) -> Change:
    return lambda plan: replace(plan, vnets=tuple(replace(vnet, **changes) for vnet in plan.vnets))  # type: ignore[arg-type]


def _vrfs(**changes: object) -> Change:
    return lambda plan: broken.on_every_host(
        plan,
        lambda host: replace(host, vrfs=tuple(replace(vrf, **changes) for vrf in host.vrfs)),  # type: ignore[arg-type]
    )


def _sysctl(key: str, value: str) -> Change:
    return lambda plan: broken.on_every_host(
        plan, lambda host: replace(host, sysctls=tuple((k, value if k == key else v) for k, v in host.sysctls))
    )


def _silenced(interfaces: tuple[SilencedInterface, ...]) -> Change:
    return lambda plan: broken.on_every_host(plan, lambda host: replace(host, silenced=interfaces))


def _firewall(**changes: object) -> Change:
    return lambda plan: replace(plan, firewall=replace(plan.firewall, **changes))  # type: ignore[arg-type]


def _zone_without(prefix: str) -> Change:
    def changed(plan: Plan) -> Plan:
        zones = tuple(
            replace(zone, prefixes=tuple(found for found in zone.prefixes if found != prefix))
            for zone in plan.firewall.zones
        )
        return replace(plan, firewall=replace(plan.firewall, zones=zones))

    return changed


def _zones_with_one_anothers(plan: Plan) -> Plan:
    first, second = plan.firewall.zones
    zones = (replace(first, prefixes=(*first.prefixes, *second.prefixes)), second)
    return replace(plan, firewall=replace(plan.firewall, zones=zones))


def _leaks(first: str, second: str) -> Change:
    return _firewall(leaks=(LeakPlan("backup", ("evpnz1", "evpnz2"), ((first,), (second,))),))


def _marked_only(entry: RouteMapEntry) -> RouteMapEntry | None:
    return entry if entry.community_list == "TL-EXPORTED" else None


V1, MESH, EDGE, CP1 = "vrf_evpnz1", "VTEP", "10.255.0.254", "fd00:101::11"
V2, OPEN = "vrf_evpnz2", "TL-vnet200-OPEN"
END = VrfRoute("::/0", None)
FABRIC_CLASS = "4200001000:0:900"
STRANGER = Session("fd00:101::66", remote_as=65066, passive=True)
CP1_SESSION = Session(CP1, remote_as=4210101011, passive=True)
GUESTS, CP1_IN, OUT = "TL-vnet101-BFD", "TL-G-solcp01-IN", "TL-T-tenant101-OUT"

MUTATIONS: list[tuple[str, str, Change]] = [
    ("R2", "a guest's routes get no mark", _entries(CP1_IN, _set(set_communities=("65000:101",)))),
    ("R2", "a guest's routes keep a forged mark", _entries(CP1_IN, _without("set_communities"))),
    ("R2", "the mark leaves to the edge", _entries("TL-EDGE-OUT", _without("delete_communities"))),
    ("R2", "the mark leaves to other hosts", _entries("TL-EVPN-OUT", _without("delete_communities"))),
    ("R2", "the mark leaves to guests", _entries(OUT, _without("delete_communities"))),
    ("R2", "a host exports what it learned from others", _entries("TL-FROM-VRFS", _without("community_list"))),
    ("R2", "the edge is told everything", _entries("TL-EDGE-OUT", _without("community_list"))),
    ("R2", "other hosts' routes go out again as type-5", _entries("TL-EVPN-OUT", _without("community_list"))),
    ("R2", "a guest's own routes stay in the VRF", _entries("TL-FROM-VRFS", _set(action="deny"))),
    ("R2", "an edge session has no filter", _peers(None, EDGE, route_map_out=None)),
    ("R2", "others' guests are not in the table by which a host forwards", _entries("TL-FROM-VRFS", _marked_only)),
    ("R2", "others' guests are preferred to its own", _entries("TL-FROM-VRFS", _set(local_preference=100))),
    ("R3", "the mesh accepts anything", _entries("TL-FABRIC-IN", _without("prefix_list"))),
    ("R3", "the mesh is told anything", _entries("TL-FABRIC-OUT", _without("prefix_list"))),
    ("R3", "the mesh has no filter outward", _peers(None, MESH, route_map_out=None)),
    ("R3", "the mesh has no filter inward", _peers(None, MESH, route_map_in=None)),
    ("R3", "the mesh carries tenants' subnets", _entries("TL-FABRIC-OUT", _set(prefix_list=("ip", "TL-SUBNETS")))),
    ("R3", "the default's list has become a range", _prefixes("TL-UPSTREAM", le=32)),
    ("R4", "everything enters the VRF", _entries("TL-INTO-VRF", _without("prefix_list"))),
    ("R4", "the VRF imports without a filter", _families(V1, import_map=None)),
    ("R4", "more than the default enters the VRF", _prefixes("TL-UPSTREAM", le=24)),
    ("R4", "the default does not enter the VRF", _entries("TL-INTO-VRF", _set(action="deny"))),
    ("R5", "the edge is told infrastructure", _entries("TL-EDGE-OUT", lambda e: None if e.action == "deny" else e)),
    ("R5", "the edge's own routes are accepted", _entries("TL-EDGE-IN", _without("prefix_list"))),
    ("R5", "a guest may announce infrastructure", _prefixes("TL-G-solcp01-LO", prefix="10.255.0.1/32")),
    ("R5", "guests are told infrastructure", _entries(OUT, _without("prefix_list"))),
    ("R5", "addresses of the host itself are taken up", _prefixes("TL-SUBNETS", le=128)),
    ("R5", "the management range is missing in the list", _prefixes("TL-INFRASTRUCTURE", prefix="192.0.2.0/24")),
    ("R6", "another host's default is as good", _entries("TL-FABRIC-IN", _set(local_preference=200))),
    ("R6", "preferences are left as they come", _entries("TL-FABRIC-IN", _without("local_preference"))),
    ("R6", "the default is not accepted from the edge", _entries("TL-EDGE-IN", _set(action="deny"))),
    ("R7", "a guest may announce its cluster's whole pool", _prefixes("TL-G-solcp01-PODS", prefix="10.101.240.0/21")),
    ("R7", "a guest may announce parts of its pods", _prefixes("TL-G-solcp01-PODS", le=32)),
    ("R7", "a guest may announce anything", _entries(CP1_IN, _without("prefix_list"))),
    ("R7", "a guest has another's filter", _peers(V1, CP1, route_map_in="TL-G-solcp02-IN")),
    ("R7", "a guest has no filter", _peers(V1, CP1, route_map_in=None)),
    ("R7", "a guest has no limit", _peers(V1, CP1, maximum_prefixes=None)),
    ("R7", "any ASN is taken for the guest's", _sessions(V1, CP1, remote_as=4210101012)),
    ("R7", "a guest's loopback is refused", _entries(CP1_IN, lambda e: None if e.seq == 1 else e)),
    ("R7", "a guest's path may hold any ASN", _peers(V1, "TL-vnet101-BFD", path_list_in=None)),
    ("R7", "whoever is on an open VNet may have any ASN", _peers(V2, OPEN, path_list_in=None)),
    ("R7", "whoever is on an open VNet has no limit", _peers(V2, OPEN, maximum_prefixes=None)),
    ("R7", "whoever is on an open VNet has no filter", _peers(V2, OPEN, route_map_in=None)),
    ("R7", "an open VNet accepts everything", _entries("TL-V-vnet200-IN", _without("prefix_list"))),
    ("R7", "an open VNet accepts what guests have", _entries("TL-V-vnet200-IN", _permitted)),
    ("R7", "an open VNet accepts whole subnets", _prefixes("TL-V-vnet200-OPEN", ge=None)),
    ("R8", "an open VNet is heard in another zone", _listens(V1, ("fd00:200::/64", "TL-vnet101-BFD"))),
    ("R8", "a subnet is heard in the global table", _listens(None, ("fd00:200::/64", "TL-FABRIC"))),
    ("R8", "a bound VNet is listened to", _listens(V1, ("fd00:101::/64", "TL-vnet101-BFD"))),
    ("R8", "peers of an open VNet may have the fabric's ASN", _sessions(V2, OPEN, external=False)),
    ("R10", "whoever is on an open VNet is not told the default", _entries("TL-T-tenant200-OUT", _set(action="deny"))),
    ("R11", "communities of an open VNet's guests stay", _entries("TL-V-vnet200-IN", _without("set_communities"))),
    ("R14", "an AS-path list is missing", _peers(V2, OPEN, path_list_in="TL-NOWHERE")),
    ("R8", "an address that no guest has is heard", _extra_session(V1, STRANGER)),
    ("R8", "a guest is heard in the global table", _extra_session(None, CP1_SESSION)),
    ("R8", "a guest of another zone is heard", _extra_session("vrf_evpnz2", CP1_SESSION)),
    ("R8", "a tenant without guest BGP is heard", _vnets(peering=None)),
    ("R8", "a session lies outside of its VNet", _vnets(subnets=("fd00:999::/64",))),
    ("R8", "the host dials its guests", _sessions(V1, GUESTS, passive=False)),
    ("R9", "a mesh session starts from any address", _sessions(None, MESH, update_source=None)),
    ("R9", "an edge session starts from a shared address", _sessions(None, EDGE, update_source="10.101.250.1")),
    ("R9", "a guest's session starts from a loopback", _sessions(V1, GUESTS, update_source="10.255.0.1")),
    ("R10", "guests are not told the default", _entries(OUT, _set(action="deny"))),
    ("R10", "a default on an interface is taken up", _entries("TL-CONNECTED", _without("prefix_list"))),
    ("R11", "a guest's communities stay", _entries(CP1_IN, _without("set_communities"))),
    ("R11", "a guest's large communities stay", _entries(CP1_IN, _without("set_large_community"))),
    ("R11", "a guest's route targets stay", _entries(CP1_IN, _without("clear_extended"))),
    ("R11", "a guest's routes pass for the fabric's", _entries(CP1_IN, _set(set_large_community=FABRIC_CLASS))),
    ("R11", "the two classes differ", _entries(CP1_IN, _set(set_communities=("65000:1", "65000:900")))),
    ("R11", "the edge's communities stay", _entries("TL-EDGE-IN", _without("set_communities"))),
    ("R11", "subnets carry no class", _entries("TL-CONNECTED", _without("set_large_community"))),
    ("R12", "a zone imports another", _families(V1, import_vrfs=("default", "vrf_evpnz2"))),
    ("R12", "the global table imports all of the zones", _families(None, import_map=None)),
    ("R12", "a zone that is not carried is imported", _families(None, import_vrfs=("vrf_evpnz1", "vrf_other"))),
    ("R12", "two zones share a route target", _vrfs(route_target="59384:4096")),
    ("R12", "two zones share an L3VNI", _vrfs(l3vni=4096)),
    ("R12", "two VNets share a VNI", _vnets(vni=10101)),
    ("R12", "a VRF leads to another without a leak", _vrfs(routes=(END, VrfRoute("10.200.0.0/24", "vrf_evpnz2")))),
    ("R12", "a VRF's search goes on in the main table", _vrfs(routes=())),
    ("R12", "a leak has no route on a host with both zones", _leaks("10.101.0.0/24", "10.200.0.0/24")),
    ("R12", "a leak opens what is not its zone's", _leaks("10.101.0.0/24", "198.51.100.0/24")),
    ("R12", "the filters do not know a subnet", _zone_without("10.200.0.0/24")),
    ("R12", "the filters do not know a guest's loopback", _zone_without("fd00:200:fe::/64")),
    ("R12", "two zones hold the same addresses", _zones_with_one_anothers),
    ("R12", "the filters do not know the infrastructure", _firewall(infrastructure=("10.10.0.0/24",))),
    ("R13", "a guest's advertisement configures the host", _sysctl("net.ipv6.conf.vnet101.accept_ra", "1")),
    ("R13", "FRR advertises routers on a VNet", _silenced(())),
    ("R13", "FRR offers a prefix to make addresses from", _silenced((SilencedInterface("vnet101", ()),))),
    ("R14", "a route-map that does not exist", _peers(V1, CP1, route_map_in="TL-G-solcp99-IN")),
    ("R14", "a prefix-list that does not exist", _entries(CP1_IN, _set(prefix_list=("ip", "TL-X")))),
    ("R14", "a community-list that does not exist", _entries("TL-EDGE-OUT", _set(delete_communities="TL-X"))),
    ("R14", "a BFD profile that does not exist", _sessions(V1, GUESTS, bfd_profile="tl-x")),
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_rule_holds_on_every_example(example: str) -> None:
    assert [str(found) for found in violations(plan_of(example))] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_defect_that_it_notices(rule: str) -> None:
    assert rule in {mutated for mutated, _, _ in MUTATIONS}


@pytest.mark.parametrize(
    ("rule", "defect", "change"), MUTATIONS, ids=[f"{rule}: {what}" for rule, what, _ in MUTATIONS]
)
def test_a_rule_notices(rule: str, defect: str, change: Change) -> None:
    whole = plan_of("homelab")
    mutated = change(whole)
    assert mutated != whole, f"{defect}: this changes nothing"
    found = [violation for host in mutated.hosts for violation in RULES[rule](mutated, host)]
    assert found, defect
    assert {violation.rule for violation in found} == {rule}


def test_a_violation_reads_as_one_line_with_rule_host_place_and_consequence() -> None:
    mutated = broken.peers(plan_of("guest-peering"), "vrf_guests", "2a01:b000:1046:10::11", maximum_prefixes=None)
    assert [str(found) for found in violations(mutated)] == [
        "R7 on vr1: k8s-node-1 (ipv4 unicast) has no limit of prefixes; one guest could fill the table",
        "R7 on vr1: k8s-node-1 (ipv6 unicast) has no limit of prefixes; one guest could fill the table",
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_text_of_every_example_keeps_the_rules(example: str) -> None:
    assert [str(found) for bundle in bundles_of(example) for found in text_violations(bundle)] == []


def _with_line(bundle: Bundle, line: str) -> Bundle:
    files = tuple(
        replace(file, parts=(file.text.replace("router bgp 4200001000\n", f"router bgp 4200001000\n {line}\n"),))
        for file in bundle.files
    )
    return replace(bundle, files=files)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("R10", "neighbor fd00:101::11 default-originate"),
        ("R10", "default-originate ipv6"),
        ("R10", "ip route 0.0.0.0/0 10.10.0.254"),
        ("R10", "ipv6 route ::/0 Null0"),
        ("R12", "ip route 10.200.0.0/24 10.10.0.254"),
        ("R12", "ip route 10.200.0.0/24 vrf_evpnz2 nexthop-vrf default"),
        ("R13", "no ipv6 nd suppress-ra"),
        ("R13", "ipv6 nd ra-interval 10"),
        ("R13", "ipv6 nd ra-lifetime 1800"),
        ("R13", "ipv6 nd prefix fd00:101::/64"),
        ("R14", "timers bgp 3 9"),
        ("R14", "bgp graceful-restart restart-time 120"),
        ("R14", "neighbor VTEP send-community both"),
        ("R14", "neighbor 10.255.0.254 ebgp-multihop 255"),
    ],
)
def test_a_rule_notices_a_line(rule: str, line: str) -> None:
    bundle = next(found for found in bundles_of("homelab") if found.host == "pve01")
    assert [found.rule for found in text_violations(_with_line(bundle, line))] == [rule]


def test_r1_notices_a_line_that_the_merge_lost() -> None:
    bundle = next(found for found in bundles_of("homelab") if found.host == "pve01")
    files = tuple(
        replace(file, parts=(file.text.replace(" neighbor fd00:101::11 remote-as 4210101011\n", ""),))
        if file.path == "/etc/frr/frr.conf"
        else file
        for file in bundle.files
    )
    found = text_violations(replace(bundle, files=files))
    assert [violation.what for violation in found] == [
        "'neighbor fd00:101::11 remote-as 4210101011' is lost in Proxmox's merge"
    ]


SERVICES = [
    ("opens what is not the infrastructure's", {"to": ("198.51.100.7/32",)}),
    ("is open to another zone's guests", {"sources": ("10.102.0.0/24",)}),
]


@pytest.mark.parametrize(("defect", "changes"), SERVICES, ids=[defect for defect, _ in SERVICES])
def test_r12_notices_a_service_that(defect: str, changes: dict[str, tuple[str, ...]]) -> None:
    plan = plan_of("leaks")
    services = tuple(replace(found, **changes) if found.to else found for found in plan.firewall.services)  # type: ignore[arg-type]
    mutated = replace(plan, firewall=replace(plan.firewall, services=services))
    assert {found.rule for found in violations(mutated)} == {"R12"}, defect


LINES_OF_THE_TABLE = [
    ('        ip daddr @tenants_ip counter drop comment "R12 other zone"\n', ""),
    ('        ip6 daddr @tenants_ip6 counter drop comment "R12 other zone"\n', ""),
    ("        ip6 daddr @infrastructure_ip6 goto to_infrastructure\n", ""),
    ('        counter drop comment "R12 infrastructure"\n', ""),
    ('        counter drop comment "R12 host"\n', ""),
    ('        counter drop comment "R12 host"\n', '        counter drop comment "R12 host"\n        accept\n'),
    ('ip saddr != @zone_evpnz1_ip counter drop comment "R12 forged source"\n', "ip saddr @zone_evpnz1_ip return\n"),
    ('            "vnet101" : jump zone_evpnz1,\n', ""),
    ('            "vnet101",\n', ""),
    ('            "vrf_evpnz1",\n            "vrf_evpnz2",\n', ""),
    ("hook prerouting priority raw; policy accept;", "hook forward priority raw; policy accept;"),
    ("hook input priority filter - 10; policy accept;", "hook output priority filter - 10; policy accept;"),
    ("        ip6 saddr @tenants_ip6 ip6 daddr @infrastructure_ip6 goto from_outside\n", ""),
    ("        meta l4proto { icmp", "        ct state established accept\n        meta l4proto { icmp"),
    ("delete table inet trellis\n", ""),
    ("delete table inet trellis\n", "delete table inet trellis\ntable inet other\n"),
]


@pytest.mark.parametrize(("line", "instead"), LINES_OF_THE_TABLE)
def test_r12_notices_a_line_that_a_table_lacks_or_should_not_have(line: str, instead: str) -> None:
    bundle = next(found for found in bundles_of("homelab") if found.host == "pve01")
    assert line in bundle.text(FIREWALL)
    files = tuple(
        replace(file, parts=(file.text.replace(line, instead),)) if file.path == FIREWALL else file
        for file in bundle.files
    )
    assert {found.rule for found in text_violations(replace(bundle, files=files))} == {"R12"}

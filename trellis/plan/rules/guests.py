"""R7, R8, R10 and R11: who may speak to a host, what they may say, and what they are told.

Address, ASN and prefixes of a guest are bound together: whoever sits on that address must have that ASN, and what it
announces is exactly what the plan knows.  Pods are accepted at the length of a node's block and no other: an aggregate
made a loop in the field (incident I4).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from trellis.plan.filter_model import RouteMapEntry
from trellis.plan.model import GuestPlan, HostPlan, Plan
from trellis.plan.names import FABRIC, INTERNAL, PUBLIC, TENANT
from trellis.plan.rules import expected
from trellis.plan.rules.filters import Filters, network, route_of
from trellis.plan.rules.speakers import (
    Neighbour,
    edges,
    guest_side,
    guests,
    listening,
    neighbours,
    vrf_instances,
)
from trellis.plan.rules.violation import Violation

GUEST_CLASSES = frozenset({INTERNAL, TENANT, PUBLIC})
"""Classes that a guest's routes may be given."""


def r7_own_prefixes_only(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a guest may announce other than its own prefixes, with another ASN, or without a limit."""
    filters, known = Filters(host.policy), _by_address(plan, host)
    for neighbour in guests(host):
        planned = known.get(neighbour.session.name)
        if planned is None:
            continue  # R8 says so
        for what, why in _loose(filters, neighbour, planned):
            yield Violation("R7", host.name, f"{planned.guest.name} ({neighbour.family}) {what}", why)
        for asn in plan.infrastructure_asns:
            if filters.path_passes(neighbour.path_list_in, planned.guest.asn, asn):
                what = f"{planned.guest.name} ({neighbour.family}) may announce what came by AS {asn}"
                yield Violation("R7", host.name, what, "routers of the infrastructure would drop it as a loop")
    yield from _open(plan, host, filters)


def _open(plan: Plan, host: HostPlan, filters: Filters) -> Iterator[Violation]:
    """Yield where whoever takes an address of an open VNet may announce more than its policy says."""
    known = {subnet: vnet for vnet in plan.vnets for subnet in vnet.subnets}
    for _, prefix, neighbour in listening(host):
        vnet = known.get(prefix)
        if vnet is None or vnet.peering is None:
            continue  # R8 says so
        who, policy, why = f"whoever is on {prefix} ({neighbour.family})", vnet.peering, "it would take from others"
        if not neighbour.maximum_prefixes or neighbour.maximum_prefixes > policy.max_prefixes:
            yield Violation("R7", host.name, f"{who} has no limit of prefixes", "one guest could fill the table")
        if neighbour.route_map_in is None or not filters.defines(neighbour.route_map_in):
            yield Violation("R7", host.name, f"{who} has no filter", "it could announce anything")
            continue
        allowed, own = filters.spans(neighbour.route_map_in), expected.of_open_vnet(policy)
        if allowed - own:
            yield Violation("R7", host.name, f"{who} may announce {sorted(map(str, allowed - own))}", why)
        for taken in policy.taken:
            if filters.apply(neighbour.route_map_in, route_of(taken)) is not None:
                yield Violation("R7", host.name, f"{who} may announce {taken}", "it belongs to another")
        foreign = {*plan.infrastructure_asns, *policy.owned_asns, policy.first_asn - 1, policy.last_asn + 1}
        for path in (*((asn,) for asn in foreign), *((policy.first_asn, asn) for asn in foreign)):
            if filters.path_passes(neighbour.path_list_in, *path):
                yield Violation("R7", host.name, f"{who} may have AS path {' '.join(map(str, path))}", why)


def _loose(filters: Filters, neighbour: Neighbour, planned: GuestPlan) -> Iterator[tuple[str, str]]:
    if neighbour.session.remote_as != planned.guest.asn:
        yield (
            f"is expected with AS {neighbour.session.remote_as}, not {planned.guest.asn}",
            "another could take its place",
        )
    if not neighbour.maximum_prefixes:
        yield "has no limit of prefixes", "one guest could fill the table"
    if neighbour.route_map_in is None or not filters.defines(neighbour.route_map_in):
        yield "has no filter", "it could announce anything"
        return
    allowed, own = filters.spans(neighbour.route_map_in), expected.of_guest(planned)
    if allowed - own:
        yield f"may announce {sorted(map(str, allowed - own))}", "it would draw traffic of others"
    if own - allowed:
        yield f"may not announce {sorted(map(str, own - allowed))}", "its own prefixes would be dark"


def r8_listen_where_enabled(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield each session that no declared guest of a listening tenant has, or that the host would open itself."""
    fabric = {address for speaker in plan.hosts for address in (speaker.ipv4, speaker.ipv6)}
    fabric |= {address for edge in plan.edges for address in (edge.ipv4, edge.ipv6)}
    for session in neighbours(host.bgp[0]):
        if session.name not in fabric:
            what = f"the global table speaks with {session.name}, which is no host and no edge"
            yield Violation("R8", host.name, what, "guests are met in their VRF alone")
    yield from _listeners(plan, host)
    known, vnets = _by_address(plan, host), {vnet.name: vnet for vnet in plan.vnets}
    for instance in vrf_instances(host):
        for session in neighbours(instance):
            planned = known.get(session.name)
            if planned is None or f"vrf_{planned.guest.zone}" != instance.vrf:
                what = f"{instance.vrf} listens to {session.name}, which no guest has that may run here"
                yield Violation("R8", host.name, what, "whoever takes that address would be heard")
                continue
            vnet = vnets[planned.guest.vnet]
            if not vnet.listens:
                what = f"{session.name} is heard although tenant {vnet.tenant} has no guest BGP"
                yield Violation("R8", host.name, what, "a listener that nobody asked for")
            if not any(ip_address(session.name) in network(subnet) for subnet in vnet.subnets):
                what = f"{session.name} is heard on {vnet.name}, outside of its subnets"
                yield Violation("R8", host.name, what, "a VNet's sessions are on its own prefix")
            if not session.passive:
                what = f"the host dials {session.name}"
                yield Violation("R8", host.name, what, "hosts that have not got the guest would send to it")


def _listeners(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    known = {subnet: vnet for vnet in plan.vnets for subnet in vnet.subnets}
    for instance, prefix, neighbour in listening(host):
        vnet = known.get(prefix)
        is_open = vnet is not None and vnet.peering is not None and vnet.peering.mode == "open"
        if not is_open or vnet is None or instance.vrf != f"vrf_{vnet.zone}":
            what = f"{instance.vrf or 'the global table'} listens to {prefix}, which is no open VNet of it"
            yield Violation("R8", host.name, what, "whoever takes an address there would be heard")
        if not neighbour.session.external or not neighbour.session.passive:
            what = f"peers of {prefix} may have the fabric's own ASN, or are dialled"
            yield Violation("R8", host.name, what, "a guest would be taken for a router of the fabric")


def r10_real_default(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where guests do not get the default that the host itself has, or a host makes one up."""
    del plan
    filters = Filters(host.policy)
    told = {neighbour.route_map_out for neighbour in guest_side(host)}
    taken_up = {family.redistribute_connected for instance in host.bgp for family in instance.families} - {None}
    for default in expected.DEFAULTS:
        for route_map in told:
            if filters.apply(route_map, route_of(default)) is None:
                yield Violation("R10", host.name, f"{route_map} keeps {default} from guests", "they have no way out")
        for route_map in taken_up:
            if filters.apply(route_map, route_of(default)) is not None:
                what = f"{route_map} would take up {default} from an interface"
                yield Violation("R10", host.name, what, "it would stay when the edge is gone")


def r11_class_of_each_route(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield each accepting entry that does not replace a route's communities by its class."""
    filters = Filters(host.policy)
    inward = {(neighbour.route_map_in, GUEST_CLASSES) for neighbour in guest_side(host)}
    inward |= {(neighbour.route_map_in, frozenset({FABRIC})) for neighbour in edges(plan, host)}
    inward |= {
        (family.redistribute_connected, frozenset({TENANT}))
        for instance in host.bgp
        for family in instance.families
        if family.redistribute_connected
    }
    for route_map, classes in sorted(inward, key=lambda pair: str(pair[0])):
        for entry in filters.entries(route_map or ""):
            connected = classes == {TENANT}
            problem = None if entry.action == "deny" else _misclassed(entry, plan.asn, classes, from_wire=not connected)
            if problem is not None:
                what = f"{route_map} {entry.seq} {problem}"
                yield Violation("R11", host.name, what, "filters behind it decide on what the sender chose")


def _misclassed(entry: RouteMapEntry, fabric: int, classes: frozenset[int], *, from_wire: bool) -> str | None:
    if not entry.set_communities:
        return "keeps the sender's communities"
    if entry.set_large_community is None:
        return "keeps the sender's large communities"
    if from_wire and not entry.clear_extended:
        return "keeps the sender's extended communities"
    if entry.set_large_community not in {f"{fabric}:0:{route_class}" for route_class in classes}:
        return f"sets the large community {entry.set_large_community}"
    route_class = entry.set_large_community.rsplit(":", 1)[1]
    if not any(community.endswith(f":{route_class}") for community in entry.set_communities):
        return f"sets no standard community of class {route_class}"
    return None


def _by_address(plan: Plan, host: HostPlan) -> dict[str, GuestPlan]:
    """Return the guests that may run on ``host`` by the address of their session."""
    return {str(planned.guest.ipv6): planned for planned in plan.guests if host.name in planned.hosts}

"""R2, R3, R5 and R6: what leaves a host, by which door, and which default it prefers.

A host exports what its own guests announced and nothing it learned from others: three hosts that export one route
black-holed DNS and NTP in the field, and leaked service addresses blinded the edge (incidents I5, I6, I8).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from trellis.plan import names
from trellis.plan.model import HostPlan, Plan
from trellis.plan.rules import expected
from trellis.plan.rules.filters import Filters, Span, network, route_of
from trellis.plan.rules.speakers import Neighbour, edges, guest_side, mesh
from trellis.plan.rules.violation import Violation

Door = tuple[str, str | None]
"""A way out of a table in words, and its filter."""


def r2_own_guests_only(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a guest's route misses the mark of the host it is on, a mark leaves, or an unmarked route does."""
    filters = Filters(host.policy)
    marks = filters.community_list(names.EXPORTED)
    yield from _marked_at_ingress(host, filters, marks)
    tenants = expected.of_tenants(plan)
    for door, route_map in (
        *_out(plan, host),
        *((f"to guest {n.session.name}", n.route_map_out) for n in guest_side(host)),
    ):
        for prefix in tenants:
            told = filters.apply(route_map, route_of(prefix, *marks))
            if told is not None and told.communities & marks:
                what = f"{door}: {prefix} leaves with its mark"
                yield Violation("R2", host.name, what, "other hosts would export it too")
                break
    for door, route_map in (*_out(plan, host), *_into_global(host)):
        for prefix in tenants:
            if filters.apply(route_map, route_of(prefix)) is not None:
                what = f"{door}: {prefix} passes although no guest of this host announced it"
                yield Violation("R2", host.name, what, "the edge would send its traffic to a host that has not got it")
                break
    yield from _exported(plan, host, filters)
    yield from _carried(host, filters, tenants)


def _marked_at_ingress(host: HostPlan, filters: Filters, marks: frozenset[str]) -> Iterator[Violation]:
    here = filters.community_list(names.LEARNED_HERE)
    if len(here) != 1 or not here < marks:
        what = "there is no mark for routes of its own guests"
        yield Violation("R2", host.name, what, "it could not tell whose they are")
    for route_map in sorted({neighbour.route_map_in or "" for neighbour in guest_side(host)}):
        for span in filters.spans(route_map):
            accepted = filters.apply(route_map, route_of(_first(span), *marks))
            if accepted is not None and accepted.communities & marks != here:
                what = f"{route_map} accepts {_shown(span)} without the mark of this host, or with another"
                yield Violation("R2", host.name, what, "no host would export it, or every host would")


def _exported(plan: Plan, host: HostPlan, filters: Filters) -> Iterator[Violation]:
    """Yield where what a guest of this host announced does not get out."""
    here = filters.community_list(names.LEARNED_HERE)
    for door, route_map in dict.fromkeys((*_out(plan, host), *_into_global(host))):
        for planned in plan.guests:
            guest = planned.guest
            for prefix in (*guest.loopbacks, *guest.extra, *guest.pods) if host.name in planned.hosts else ():
                if filters.apply(route_map, route_of(str(prefix), *here)) is None:
                    what = f"{door}: {prefix} of {guest.name} is denied"
                    yield Violation("R2", host.name, what, "nobody could reach it")


def _carried(host: HostPlan, filters: Filters, tenants: Collection[str]) -> Iterator[Violation]:
    """Yield where what another host's guest announced does not enter the global table, or as no worse than its own."""
    here, classes = filters.community_list(names.LEARNED_HERE), filters.community_list(names.TENANTS)
    for door, route_map in _into_global(host):
        for prefix in tenants:
            for route_class in classes:
                own = filters.apply(route_map, route_of(prefix, *here, route_class))
                elsewhere = filters.apply(route_map, route_of(prefix, route_class))
                if own is not None and (elsewhere is None or elsewhere.local_preference >= own.local_preference):
                    what = f"{door}: {prefix} of another host's guest ({route_class}) "
                    what += "is denied" if elsewhere is None else "is as good as one of its own"
                    why = "an edge whose way to a host passes this one would not reach the guests there"
                    if elsewhere is not None:
                        why = "its own guest's route may go unused, and is then not told to the edge"
                    yield Violation("R2", host.name, what, why)
                    return


def r3_mesh_carries_defaults_only(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where tenant routes would travel through the global iBGP tables."""
    filters, allowed = Filters(host.policy), expected.upstream(plan)
    for neighbour in mesh(plan, host):
        for direction, route_map in (("from", neighbour.route_map_in), ("to", neighbour.route_map_out)):
            passed = ({None} if route_map is None else filters.spans(route_map)) - allowed
            if passed:
                ranges = ", ".join(sorted(map(_shown, passed)))
                what = f"{direction} {neighbour.session.name} ({neighbour.family}) passes {ranges}"
                why = "tenant routes travel as EVPN type-5: in the global tables they come back and end sessions"
                yield Violation("R3", host.name, what, why)


def r5_infrastructure_stays(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where infrastructure or a host's own VNet address could leave, or be accepted from outside."""
    filters = Filters(host.policy)
    marks = filters.community_list(names.EXPORTED)
    outside: list[Neighbour] = [*edges(plan, host), *guest_side(host)]
    ways = {n.route_map_out: f"to {n.session.name}" for n in outside}
    ways |= {n.route_map_in: f"from {n.session.name}" for n in outside}
    for route_map, way in ways.items():
        for prefix in expected.infrastructure(plan):
            if filters.apply(route_map, route_of(prefix, *marks)) is not None:
                what = f"{way}: {route_map or 'no filter'} lets {prefix} pass"
                yield Violation("R5", host.name, what, "infrastructure is reached by the underlay alone")
                break
    gateways = [gateway for vnet in plan.vnets for gateway in vnet.every_gateway]
    redistributed = {family.redistribute_connected for instance in host.bgp for family in instance.families} - {None}
    for route_map in redistributed:
        for gateway in gateways:
            own_address = f"{gateway}/{network(gateway).max_prefixlen}"
            if filters.apply(route_map, route_of(own_address)) is not None:
                what = f"{route_map} takes up {own_address}, which is an address of the host"
                yield Violation("R5", host.name, what, "every host has that address: it never leaves one")


def r6_own_default_wins(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a default learned from another host is not worse than the one from this host's own edge session."""
    filters = Filters(host.policy)
    for default in expected.DEFAULTS:
        for from_edge in {neighbour.route_map_in for neighbour in edges(plan, host)}:
            own = filters.apply(from_edge, route_of(default))
            if own is None:
                yield Violation(
                    "R6", host.name, f"{default} is not accepted from an edge", "guests would have no way out"
                )
                continue
            for from_host in {neighbour.route_map_in for neighbour in mesh(plan, host)}:
                learned = filters.apply(from_host, own)
                if learned is not None and learned.local_preference >= own.local_preference:
                    what = f"{default} has preference {learned.local_preference} from another host, "
                    what += f"{own.local_preference} from the edge"
                    yield Violation("R6", host.name, what, "traffic would cross the fabric twice")


def _out(plan: Plan, host: HostPlan) -> list[Door]:
    """Return each way by which a guest's route leaves the host for the edge or another host."""
    doors: dict[str | None, str] = {n.route_map_out: f"to edge {n.session.name}" for n in edges(plan, host)}
    for instance in host.bgp:
        for family in instance.families:
            doors |= {route_map: f"type-5 ({version}) of {instance.vrf}" for version, route_map in family.advertise}
    return [(door, route_map) for route_map, door in doors.items()]


def _into_global(host: HostPlan) -> list[Door]:
    maps = {family.import_map for family in host.bgp[0].families if family.import_vrfs}
    return [("import into the global table", route_map) for route_map in maps]


def _first(span: Span | None) -> str:
    """Return the first prefix that a span matches."""
    return "0.0.0.0/0" if span is None else f"{span[0].rsplit('/')[0]}/{span[1]}"


def _shown(span: Span | None) -> str:
    if span is None:
        return "everything"
    prefix, shortest, longest = span
    return prefix if prefix.endswith(f"/{shortest}") and shortest == longest else f"{prefix} ({shortest}-{longest})"

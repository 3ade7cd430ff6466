"""R12 beyond the tables: static routes between VRFs, and what the filters of hosts and edges know of zones.

Filters judge by address.  So each address of a guest must be known for its zone's, and each router's for the
infrastructure's; else a packet to it would pass for one to the rest of the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from trellis.plan import names
from trellis.plan.firewall_model import LeakPlan
from trellis.plan.model import HostPlan, Plan
from trellis.plan.rules import expected
from trellis.plan.rules.filters import AnyNetwork, network
from trellis.plan.rules.violation import Violation

_REACHED = "guests would reach it although no leak or service says so"
_ENDLESS = "what no route is known for would be looked up in the main table, where the underlay is"


def r12_filters_know_everybody(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a route or a filter opens what no leak or service of the site does."""
    yield from _routes(plan, host)
    yield from _territories(plan, host)
    yield from _exceptions(plan, host)


def _routes(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    carried = {vrf.name for vrf in host.vrfs}
    for vrf in host.vrfs:
        if not any(route.prefix == "::/0" and route.vrf is None for route in vrf.routes):
            yield Violation("R12", host.name, f"{vrf.name} has no end for IPv6", _ENDLESS)
        leaked = {
            (prefix, names.vrf_name(leak.zones[other]))
            for leak in plan.firewall.leaks
            for own, other in ((0, 1), (1, 0))
            if leak.zones[own] == vrf.zone
            for prefix in leak.prefixes[other]
        }
        found = {(route.prefix, route.vrf) for route in vrf.routes if route.vrf is not None}
        for prefix, other_vrf in sorted(found - leaked):
            yield Violation("R12", host.name, f"{vrf.name} has a route to {prefix} in {other_vrf}", _REACHED)
        for prefix, other_vrf in sorted(leaked - found):
            if other_vrf in carried:
                what = f"{vrf.name} has no route to {prefix} in {other_vrf}, which a leak names"
                yield Violation("R12", host.name, what, "its packets would go by way of an edge, or nowhere")


def _territories(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    known = {zone.zone: [network(prefix) for prefix in zone.prefixes] for zone in plan.firewall.zones}
    for zone, prefix in _used(plan):
        if not _covered(prefix, known.get(zone, ())):
            what = f"filters do not know {prefix} for zone {zone}'s"
            yield Violation("R12", host.name, what, "its own packets would be dropped, and others would reach it")
    for one, other in combinations(sorted(known), 2):
        if any(mine.overlaps(theirs) for mine in known[one] for theirs in known[other]):
            yield Violation("R12", host.name, f"zones {one} and {other} hold the same addresses", _REACHED)
    protected = [network(prefix) for prefix in plan.firewall.infrastructure]
    for router in expected.infrastructure(plan):
        if not _covered(network(router), protected):
            yield Violation("R12", host.name, f"filters do not know {router} for the infrastructure's", _REACHED)


def _used(plan: Plan) -> Iterator[tuple[str, AnyNetwork]]:
    for vnet in plan.vnets:
        yield from ((vnet.zone, network(subnet)) for subnet in vnet.every_subnet)
    for planned in plan.guests:
        guest = planned.guest
        pools = (*guest.pods, *(pool for pool, _ in guest.pod_pools), *guest.services)
        yield from ((guest.zone, prefix) for prefix in (*guest.loopbacks, *guest.extra, *pools))


def _exceptions(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    known = {zone.zone: [network(prefix) for prefix in zone.prefixes] for zone in plan.firewall.zones}
    for leak in plan.firewall.leaks:
        for zone, prefix in _parts(leak):
            if not _covered(network(prefix), known.get(zone, ())):
                yield Violation("R12", host.name, f"leak {leak.name} opens {prefix}, which is not {zone}'s", _REACHED)
    protected = [network(prefix) for prefix in plan.firewall.infrastructure]
    zone_of = {vnet.name: vnet.zone for vnet in plan.vnets}
    for service in plan.firewall.services:
        for prefix in service.to:
            if not _covered(network(prefix), protected):
                what = f"service {service.name} opens {prefix}, which is not the infrastructure's"
                yield Violation("R12", host.name, what, _REACHED)
        own = [prefix for vnet in service.vnets for prefix in known.get(zone_of.get(vnet, ""), ())]
        for prefix in service.sources:
            if not _covered(network(prefix), own):
                what = f"service {service.name} is open to {prefix}, which is not its VNets'"
                yield Violation("R12", host.name, what, _REACHED)


def _parts(leak: LeakPlan) -> Iterator[tuple[str, str]]:
    for zone, prefixes in zip(leak.zones, leak.prefixes, strict=True):
        yield from ((zone, prefix) for prefix in prefixes)


def _covered(prefix: AnyNetwork, by: Iterable[AnyNetwork]) -> bool:
    return any(own.version == prefix.version and prefix.subnet_of(own) for own in by)  # type: ignore[arg-type]

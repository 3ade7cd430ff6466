"""Who has more or less in reserve, and what one failure takes that it did not: ``what-if``, before and after.

A failure is considered where the change can bear on it: any, where hosts, links, edges, zones or sessions between
routers differ; else that of a host whose guests differ.  What only new guests lose is theirs, and not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trellis.diff.filters import in_order
from trellis.diff.model import Failure, Loss, Reserve
from trellis.plan.model import GuestPlan, Plan
from trellis.plan.rules.speakers import neighbours
from trellis.reach.consequences import Consequences
from trellis.reach.fabric import Fabric
from trellis.reach.failure import down_of
from trellis.reach.reserves import reserves as reserves_of
from trellis.reach.walk import Walk
from trellis.reach.what_if import what_if

MOST_WORK = 1500
"""Failures times guests that are considered unasked, on both sides: some 10 s (0.13 s for 8 guests, 2.9 s for 128)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What failures would do.

    Attributes:
        count: How many were considered.
        not_judged: Why none was.
    """

    failures: tuple[Failure, ...]
    count: int
    not_judged: str | None = None


def reserves(before: Plan, after: Plan) -> tuple[Reserve, ...]:
    """Return of what there is more or less that stands in for another; of what is new, where nothing stands in.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    was, will = (reserves_of(Walk(Fabric(plan))) for plan in (before, after))
    found = (Reserve(*key, was.get(key), will.get(key)) for key in sorted({*was, *will}))
    return tuple(one for one in found if one.before != one.after and not _is_new_with_reserve(one))


def _is_new_with_reserve(one: Reserve) -> bool:
    only = one.before if one.after is None else one.after if one.before is None else None
    return only is not None and only > 1


def failures(before: Plan, after: Plan, *, at_any_size: bool) -> Judged:
    """Return what each failure does that it did not, and no longer does.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
        at_any_size: Consider them however long it takes.
    """
    names = [name for name in _to_consider(before, after) if name in _parts(before) and name in _parts(after)]
    work = len(names) * max(len(before.guests), len(after.guests), 1)
    if work > MOST_WORK and not at_any_size:
        why = f"{len(names)} failures of a site with {len(after.guests)} guests take long: --what-if considers them"
        return Judged((), 0, why)
    both = {planned.guest.name for planned in before.guests} & {planned.guest.name for planned in after.guests}
    routers = set(_parts(before)) & set(_parts(after))
    found = []
    for name in names:
        old, new = (set(_losses(what_if(plan, down_of(plan, [name])), both, routers)) for plan in (before, after))
        if old != new:
            found.append(Failure(name, tuple(sorted(new - old)), tuple(sorted(old - new))))
    return Judged(tuple(found), len(names))


def _parts(plan: Plan) -> tuple[str, ...]:
    """Return what of a plan can fail: hosts by id, edges, links."""
    return *(host.name for host in plan.hosts), *(edge.name for edge in plan.edges), *(link.name for link in plan.links)


def _to_consider(before: Plan, after: Plan) -> tuple[str, ...]:
    if _skeleton(before) != _skeleton(after):
        return tuple(dict.fromkeys((*in_order(before, after), *_parts(before), *_parts(after))))
    was, will = ({planned.guest.name: _bearing(planned) for planned in plan.guests} for plan in (before, after))
    differing = [name for name in {*was, *will} if was.get(name) != will.get(name)]
    on = {found[name][0] for name in differing for found in (was, will) if name in found}
    return tuple(name for name in in_order(before, after) if name in on)


def _bearing(planned: GuestPlan) -> tuple[object, ...]:
    guest = planned.guest
    return guest.host, planned.hosts, guest.cluster, guest.role, guest.zone, guest.ipv4 is None, bool(guest.loopbacks)


def _skeleton(plan: Plan) -> tuple[object, ...]:
    """Return what every path and session between routers follows from."""
    between = tuple(
        (host.name, host.ipv4, tuple((one.name, one.remote_as, one.ebgp_hops) for one in neighbours(host.bgp[0])))
        for host in plan.hosts
    )
    edges = tuple((edge.name, edge.ipv4, edge.ipv6) for edge in plan.edges)
    told = tuple((vnet.name, vnet.zone, vnet.listens) for vnet in plan.vnets)
    return between, edges, plan.links, tuple((zone.name, zone.vtep, zone.hosts) for zone in plan.zones), told


def _losses(found: Consequences, guests: set[str], routers: set[str]) -> Iterator[Loss]:
    """Yield what is lost by a failure, as far as it is by guests and routers that are on both sides."""
    for guest in found.unreachable_guests:
        if guest.guest in guests:
            again = " or ".join(guest.may_start_on) or "no other host"
            yield Loss(f"guest {guest.guest}", f"is lost ({guest.reason}); may start on {again}")
    for lost in found.lost_upstream:
        if lost.guest in guests:
            yield Loss(f"guest {lost.guest}", f"loses the internet over {_IP[lost.family]}")
    for apart in found.separated:
        on = apart.a if apart.a == apart.b else f"{apart.a} and {apart.b}"
        yield Loss(f"guests of {apart.zone} on {on}", f"lose each other over {_IP[apart.family]} ({apart.addresses})")
    for cluster in found.clusters:
        if not cluster.keeps_quorum:
            yield Loss(f"cluster {cluster.cluster}", "loses its quorum")
    for zone in found.zones_without_hosts:
        yield Loss(f"zone {zone}", "has no host")
    if found.partitions:
        parts = sorted(" ".join(node for node in part if node in routers) for part in found.partitions)
        yield Loss("the fabric", f"falls apart: {' | '.join(filter(None, parts))}")


_IP = {"ipv4": "IPv4", "ipv6": "IPv6"}

"""``what-if``: the fabric before and after a failure, and what is between the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from trellis.plan.model import GuestPlan, Plan
from trellis.reach.consequences import (
    ClusterState,
    Consequences,
    DefaultRoute,
    EdgeRoute,
    LostSession,
    LostUpstream,
    MovedPath,
    Redundancy,
    Separated,
    Taken,
    UnreachableGuest,
)
from trellis.reach.fabric import FAMILY, VERSIONS, Down, Fabric
from trellis.reach.probes import KINDS, Probes, address, alike
from trellis.reach.reserves import reserves
from trellis.reach.tables import DEFAULTS
from trellis.reach.walk import Walk

SCHEMA_VERSION = 1


def what_if(plan: Plan, down: Down) -> Consequences:
    """Return what follows if ``down`` is out of order.

    Args:
        plan: The plan.
        down: What is taken away; see `trellis.reach.failure.down_of`.
    """
    return _Failure(plan, down).consequences()


class _Failure:
    """The two states of a fabric."""

    def __init__(self, plan: Plan, down: Down) -> None:
        self._plan = plan
        self._down = down
        self._before = Walk(Fabric(plan))
        self._after = Walk(Fabric(plan, down))
        self._probes = Probes(self._before), Probes(self._after)
        self._parts = self._after.underlay.partitions()
        largest: tuple[str, ...] = max(self._parts, key=self._weight) if self._parts else ()
        self._main = frozenset(largest)
        self._left = [planned for planned in plan.guests if planned.guest.host in self._main]

    def consequences(self) -> Consequences:
        """Return what follows."""
        return Consequences(
            schema_version=SCHEMA_VERSION,
            down=self._taken(),
            unreachable_guests=tuple(self._unreachable()),
            lost_upstream=tuple(self._lost_upstream()),
            separated=tuple(sorted(self._separated(), key=lambda found: (found.zone, found.a, found.b, found.family))),
            clusters=tuple(self._clusters()),
            zones_without_hosts=tuple(
                zone.name for zone in self._plan.zones if not any(map(self._after.fabric.is_up, zone.hosts))
            ),
            partitions=self._parts if len(self._parts) > 1 else (),
            lost_sessions=tuple(
                LostSession(lost.kind, lost.a, lost.b, lost.family, lost.link)
                for lost in sorted(
                    self._before.control.sessions() - self._after.control.sessions(),
                    key=lambda session: (session.kind, session.a, session.b, session.family, session.link or ""),
                )
            ),
            lost_redundancy=tuple(found for found in self._counted() if found.after < found.before),
            moved_paths=tuple(self._moved()),
            default_routes=tuple(self._defaults()),
            edge_routes=tuple(self._edge_routes()),
        )

    def _weight(self, part: tuple[str, ...]) -> tuple[int, int, int]:
        hosts = sum(1 for node in part if node in self._after.fabric.hosts)
        guests = sum(1 for planned in self._plan.guests if planned.guest.host in part)
        return hosts, len(part) - hosts, guests

    def _taken(self) -> Taken:
        fabric, down = self._after.fabric, self._down
        return Taken(
            tuple(sorted(node for node in down.nodes if node in fabric.hosts)),
            tuple(sorted(node for node in down.nodes if node in fabric.edges)),
            tuple(sorted(down.links)),
            tuple(sorted(f"{link}:{node}" for link, node in down.ports)),
        )

    def _unreachable(self) -> Iterator[UnreachableGuest]:
        for planned in self._plan.guests:
            guest = planned.guest
            if guest.host not in self._main:
                up = self._after.fabric.is_up(guest.host)
                may = tuple(host for host in planned.hosts if host in self._main)
                yield UnreachableGuest(
                    guest.name, guest.host, guest.zone, guest.cluster, "cut off" if up else "host down", may
                )

    def _lost_upstream(self) -> Iterator[LostUpstream]:
        before, after = self._probes
        for planned in self._left:
            for version in VERSIONS:
                now = after.upstream(planned, version)
                if not now.answered and before.upstream(planned, version).answered:
                    yield LostUpstream(planned.guest.name, planned.guest.host, FAMILY[version], now.why)

    def _separated(self) -> Iterator[Separated]:
        """Yield hosts whose guests lost each other, asked of one guest of each kind."""
        before, after = self._probes
        seen: set[Separated] = set()
        for zone in self._plan.zones:
            kinds = {alike(planned): planned for planned in self._left if planned.guest.zone == zone.name}
            for one, other in combinations(kinds.values(), 2):
                for version in VERSIONS:
                    for kind in KINDS:
                        now = after.between(one, other, version, kind)
                        if now.answered or not before.between(one, other, version, kind).answered:
                            continue
                        a, b = sorted((one.guest.host, other.guest.host))
                        found = Separated(zone.name, a, b, FAMILY[version], kind, now.why)
                        if found not in seen:
                            seen.add(found)
                            yield found

    def _clusters(self) -> Iterator[ClusterState]:
        nodes: dict[str, list[GuestPlan]] = {}
        for planned in self._plan.guests:
            if planned.guest.cluster is not None:
                nodes.setdefault(planned.guest.cluster, []).append(planned)
        for cluster, members in sorted(nodes.items()):
            lost = tuple(member.guest.name for member in members if member.guest.host not in self._main)
            control = [member for member in members if member.guest.role == "controlplane"]
            left = self._largest_group([member for member in control if member.guest.host in self._main])
            if lost or left < len(control):
                keeps = not control or left > len(control) // 2
                yield ClusterState(cluster, len(members), lost, len(control), left, keeps)

    def _largest_group(self, members: list[GuestPlan]) -> int:
        """Return how many of some guests reach each other: the most that one of them reaches, with itself."""
        after = self._probes[1]
        best = 0
        for one in members:
            reached = sum(1 for other in members if other is one or self._together(after, one, other))
            best = max(best, reached)
        return best

    def _together(self, probes: Probes, one: GuestPlan, other: GuestPlan) -> bool:
        if alike(one) == alike(other):
            return True
        return any(
            probes.between(one, other, version, kind).answered
            for version in VERSIONS
            for kind in KINDS[:2]
            if address(one, version, kind) is not None and address(other, version, kind) is not None
        )

    def _counted(self) -> Iterator[Redundancy]:
        left = {planned.guest.name for planned in self._left}
        before = reserves(self._before)
        for (what, who), after in reserves(self._after).items():
            if what != "placement" or who in left:
                yield Redundancy(what, who, before[what, who], after)

    def _moved(self) -> Iterator[MovedPath]:
        segments = {link.name for link in self._plan.links if link.kind == "segment"}
        routers = [name for name in (*self._before.fabric.hosts, *self._before.fabric.edges) if name in self._main]
        for a, b in combinations(routers, 2):
            if a in self._before.fabric.edges and b in self._before.fabric.edges:
                continue
            before, after = (
                tuple(tuple(step.link.name for step in path) for path in state.underlay.paths(a, b))
                for state in (self._before, self._after)
            )
            if before == after:
                continue
            onto = tuple(sorted(_all(after) - _all(before)))
            cost, new_cost = (state.underlay.cost(a, b) or 0 for state in (self._before, self._after))
            yield MovedPath(a, b, before, after, cost, new_cost, onto, any(link in segments for link in onto))

    def _defaults(self) -> Iterator[DefaultRoute]:
        for host in self._plan.hosts:
            if not self._after.fabric.is_up(host.name):
                continue
            for version in VERSIONS:
                before, after = (
                    tuple(
                        via.to
                        for route in state.tables.upstream(host.name, version)
                        if route.prefix == DEFAULTS[version]
                        for via in route.via
                    )
                    for state in (self._before, self._after)
                )
                if before != after:
                    yield DefaultRoute(host.name, FAMILY[version], before, after)

    def _edge_routes(self) -> Iterator[EdgeRoute]:
        pools = {
            str(pool)
            for planned in self._plan.guests
            for pool in (*planned.guest.services, *(pool for pool, _ in planned.guest.pod_pools))
        }
        for edge in filter(self._after.fabric.is_up, self._before.fabric.edges):
            for version in VERSIONS:
                before, after = (
                    {
                        route.prefix: tuple(via.to for via in route.via)
                        for route in state.tables.main(edge, version).routes()
                        if route.learned == "host" and route.prefix not in pools
                    }
                    for state in (self._before, self._after)
                )
                for prefix in sorted(before):
                    if before[prefix] != after.get(prefix, ()):
                        yield EdgeRoute(edge, prefix, FAMILY[version], before[prefix], after.get(prefix, ()))


def _all(paths: Iterable[tuple[str, ...]]) -> set[str]:
    return {link for path in paths for link in path}

"""The underlay's shortest paths, as OSPF finds them on the links that are up.

A segment costs what the outgoing interface costs and nothing on the way out of it (RFC 2328, section 16.1: a network
reaches its routers at cost 0).  FRR's metric of a loopback is 10 more than the cost here: the loopback's own interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from trellis.plan.model import LinkPlan
from trellis.reach.fabric import Fabric

MOST_PATHS = 16
"""Equal paths that are followed to their end; more are not told apart."""


@dataclass(frozen=True, slots=True)
class Step:
    """One link from one router to the next."""

    source: str
    link: LinkPlan
    target: str


class Underlay:
    """Shortest paths between routers.

    Args:
        fabric: The fabric, with what is down.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._ends: dict[str, tuple[str, ...]] = {}
        self._links: dict[str, list[LinkPlan]] = {
            node: [] for node in (*fabric.hosts, *fabric.edges) if fabric.is_up(node)
        }
        down = fabric.down
        for link in fabric.plan.links:
            alive = tuple(
                end.node
                for end in link.ends
                if end.node in self._links and link.name not in down.links and (link.name, end.node) not in down.ports
            )
            self._ends[link.name] = alive
            for node in alive:
                self._links[node].append(link)
        self._costs: dict[str, dict[str, int]] = {}

    def adjacent(self, link: str) -> tuple[str, ...]:
        """Return the routers that see each other on a link."""
        return self._ends[link]

    def cost(self, source: str, target: str) -> int | None:
        """Return the cost of the shortest path, None where there is none; 0 to oneself."""
        return self._from(target).get(source)

    def next_steps(self, source: str, target: str) -> tuple[Step, ...]:
        """Return the first links of all shortest paths, ordered by the next router's name."""
        costs = self._from(target)
        if source not in costs or source == target:
            return ()
        found = [
            Step(source, link, node)
            for link in self._links[source]
            for node in self._ends[link.name]
            if node != source and link.cost + costs[node] == costs[source]
        ]
        return tuple(sorted(found, key=lambda step: (step.target, step.link.name)))

    def paths(self, source: str, target: str) -> tuple[tuple[Step, ...], ...]:
        """Return the shortest paths, at most ``MOST_PATHS``; the empty path to oneself."""
        found: list[tuple[Step, ...]] = []
        for path in self._walk(source, target):
            found.append(path)
            if len(found) == MOST_PATHS:
                break
        return tuple(found)

    def hops(self, source: str, target: str) -> int | None:
        """Return how many links the longest of the shortest paths has: the TTL that a session needs."""
        return max((len(path) for path in self.paths(source, target)), default=None)

    def partitions(self) -> tuple[tuple[str, ...], ...]:
        """Return the groups of routers that reach each other, the largest first."""
        left, found = set(self._links), []
        while left:
            group = set(self._from(min(left)))
            found.append(tuple(sorted(group)))
            left -= group
        return tuple(sorted(found, key=lambda group: (-len(group), group)))

    def _walk(self, source: str, target: str) -> Iterator[tuple[Step, ...]]:
        if source == target:
            yield ()
        for step in self.next_steps(source, target):
            for rest in self._walk(step.target, target):
                yield (step, *rest)

    def _from(self, target: str) -> dict[str, int]:
        """Return each router's cost to ``target``; links cost the same in both directions."""
        if target not in self._costs:
            self._costs[target] = self._shortest(target) if target in self._links else {}
        return self._costs[target]

    def _shortest(self, target: str) -> dict[str, int]:
        done: dict[str, int] = {}
        crossed: set[str] = set()
        queue: list[tuple[int, str]] = [(0, target)]
        while queue:
            cost, node = heappop(queue)
            if node in done:
                continue
            done[node] = cost
            for link in self._links[node]:
                # All of a link's routers were offered this cost, or a lower one, when the first of them was done.
                if link.name in crossed:
                    continue
                crossed.add(link.name)
                for other in self._ends[link.name]:
                    if other not in done:
                        heappush(queue, (cost + link.cost, other))
        return done

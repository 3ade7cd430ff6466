"""What hosts announce, to edges and to each other, of what their guests and VNets have and filters let through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from trellis.diff.filters import in_order
from trellis.diff.model import RouteChange
from trellis.plan.model import Plan
from trellis.plan.rules.filters import network
from trellis.reach.fabric import VERSIONS, Fabric
from trellis.reach.routes import Announcements

_Told = dict[tuple[str, str], frozenset[str]]
"""Prefixes by whom they are announced to, and by which host."""


def route_changes(before: Plan, after: Plan) -> tuple[RouteChange, ...]:
    """Return which routes hosts announce that they did not, and no longer do, alike hosts together.

    Services and pods of which any of several nodes may announce a part stand as their pool.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    was, will = _announced(before), _announced(after)
    order = in_order(before, after)
    found: dict[RouteChange, list[str]] = {}
    for key in sorted({*was, *will}, key=lambda key: (key[0], order.index(key[1]))):
        old, new = was.get(key, frozenset()), will.get(key, frozenset())
        if old != new:
            change = RouteChange(key[0], (), _sorted(new - old), _sorted(old - new))
            found.setdefault(change, []).append(key[1])
    together = (replace(change, hosts=tuple(hosts)) for change, hosts in found.items())
    return tuple(sorted(together, key=lambda change: (change.to, change.hosts)))


def _announced(plan: Plan) -> _Told:
    fabric = Fabric(plan)
    routes = Announcements(fabric)
    found: dict[tuple[str, str], set[str]] = {}
    for to, host, prefix in _each(fabric, routes):
        found.setdefault((to, host), set()).add(prefix)
    return {key: frozenset(prefixes) for key, prefixes in found.items()}


def _each(fabric: Fabric, routes: Announcements) -> Iterator[tuple[str, str, str]]:
    for host in fabric.plan.hosts:
        for version in VERSIONS:
            for edge in fabric.edges:
                for route in routes.to_edge(host, edge, version):
                    yield f"edge {edge}", host.name, route.prefix
            for zone in fabric.zones:
                if fabric.carries(host.name, zone):
                    for route in routes.as_type5(host, zone, version):
                        yield f"hosts of {zone}", host.name, route.prefix


def _sorted(prefixes: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(prefixes, key=lambda prefix: (network(prefix).version, network(prefix))))

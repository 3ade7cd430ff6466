"""What a person may take away in thought: hosts, edges, links, or one router's port on a link."""

from __future__ import annotations

from collections.abc import Iterable

from trellis.plan.model import Plan
from trellis.reach.fabric import Down
from trellis.reach.places import UnknownPlaceError, unknown


def down_of(plan: Plan, names: Iterable[str]) -> Down:
    """Return what ``names`` take away.

    Args:
        plan: The plan.
        names: Each a host, an edge, a link, or ``LINK:NODE`` for one port of it.

    Raises:
        UnknownPlaceError: If the plan has nothing of that name.
    """
    routers = {host.name for host in plan.hosts} | {edge.name for edge in plan.edges}
    links = {link.name: {end.node for end in link.ends} for link in plan.links}
    nodes, cut, ports = set(), set(), set()
    for name in names:
        link, colon, node = name.partition(":")
        if name in routers:
            nodes.add(name)
        elif name in links:
            cut.add(name)
        elif colon and link in links:
            if node not in links[link]:
                raise UnknownPlaceError(unknown(node, f"router on {link}", links[link]))
            ports.add((link, node))
        else:
            raise UnknownPlaceError(unknown(name, "host, edge or link", (*routers, *links)))
    return Down(frozenset(nodes), frozenset(cut), frozenset(ports))

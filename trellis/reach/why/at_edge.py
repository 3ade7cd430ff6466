"""What an edge does with a route that a host announces: its own filter, and where its packets go then."""

from __future__ import annotations

from trellis.plan.model import EdgePlan
from trellis.plan.rules.filters import Route
from trellis.reach.fabric import Fabric, Network, Version, network
from trellis.reach.underlay import Underlay
from trellis.reach.why.model import Entry

CHAIN = "trellis-in"
"""The chain of a RouterOS, of which ``trellis.render.routeros`` writes the rules in the same order."""


def edge_in(edge: EdgePlan, route: Route) -> tuple[Entry, bool]:
    """Return what of an edge's own filter decides on a route, and whether it is accepted.

    Args:
        edge: The edge.
        route: The route as the host announces it.
    """
    own = edge.routeros
    if own is None:
        return Entry(f"{edge.name}'s own filter, which Trellis does not write; the lab's is FROM-HOSTS permit 10"), True
    prefix = route.prefix
    for seq, refused in enumerate(own.refused, start=1):
        if _inside(prefix, network(refused)):
            return Entry(f"chain {CHAIN}, rule {seq}: {refused} is refused", CHAIN, seq, "deny"), False
    # Between the two are rules about drained hosts and about next hops, which decide nothing.
    for seq, found in enumerate(own.accepted, start=3 + len(own.refused)):
        if _inside(prefix, network(found.prefix)) and found.shortest <= prefix.prefixlen <= found.longest:
            lengths = f"/{found.shortest}" + (f" to /{found.longest}" if found.longest > found.shortest else "")
            return Entry(f"chain {CHAIN}, rule {seq}: {found.prefix}, {lengths}", CHAIN, seq, "permit"), True
    return Entry(f"chain {CHAIN}: no rule accepts it, the last one rejects", CHAIN), False


def next_hop(fabric: Fabric, underlay: Underlay, edge: str, host: str, version: Version) -> str:
    """Return where an edge sends packets of a route of a host, in words.

    Args:
        fabric: The fabric.
        underlay: Its shortest paths.
        edge: The edge.
        host: The host that announces it.
        version: The route's family.
    """
    steps = underlay.next_steps(edge, host)
    links = " or ".join(dict.fromkeys(step.link.name for step in steps))
    over = f", over {links}" if links else ""
    return f"next hop {fabric.loopback(host, version)} ({host}){over}"


def _inside(prefix: Network, outer: Network) -> bool:
    return prefix.version == outer.version and prefix.subnet_of(outer)  # type: ignore[arg-type]

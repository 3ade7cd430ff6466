"""Every edge is within the reach of the hosts' sessions with it: an eBGP multihop session ends after so many links.

Links are counted, not costs: what OSPF prefers may be further, never nearer.  A host without any way to an edge is
not judged here; such a host may be waiting for its links.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.model import Site
from trellis.site.refusal import Refusal


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each edge that is further from a host than its sessions may go.

    Args:
        site: A site whose references hold.
    """
    for name, edge in site.edges.items():
        links = _links_from(site, name)
        far = sorted(host for host in site.hosts if links.get(host, 0) > edge.max_hops)
        if far:
            most = max(links[host] for host in far)
            yield Refusal(
                f"edges.{name}.max_hops",
                str(edge.max_hops),
                f"sessions with the edge go as far as the furthest host: {', '.join(far)} in up to {most} links",
                "their packets would be dropped on the way for their TTL: no default from the edge, no route to it",
                f"raise max_hops to {most} or more, or add a link",
            )


def _links_from(site: Site, edge: str) -> dict[str, int]:
    """Return how many links away each host or edge is from ``edge``, of those that there is a way to."""
    found = {edge: 0}
    border = [edge]
    while border:
        beyond = {
            end
            for link in site.links.values()
            if any(node in link.ends for node in border)
            for end in link.ends
            if end not in found
        }
        distance = found[border[0]] + 1
        found |= dict.fromkeys(beyond, distance)
        border = sorted(beyond)
    return found

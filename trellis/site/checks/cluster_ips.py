"""What services have inside a cluster on Talos hides nothing that its pods must reach.

Each node translates these addresses before any route is looked up.  Two clusters may have the same ones: nobody
announces them.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.checks import ranges
from trellis.site.model import Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AnyNetwork

_AT_LEAST = {"ipv4": 12, "ipv6": 108}
"""Kubernetes keeps a bit for each of these addresses, of 2^20 at most (kube-apiserver)."""

_SHOWN = 3
"""Of the ranges that one hides: more make the reason no clearer."""


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each range of ClusterIPs that is too large, or overlaps a range of the site.

    Args:
        site: A site whose references hold.
    """
    others = (*ranges.of_tenants(site), *ranges.of_fabric(site))
    for name, cluster in sorted(site.clusters.items()):
        if cluster.talos is None:
            continue
        for family, of_pods in (("ipv4", cluster.pods.ipv4), ("ipv6", cluster.pods.ipv6)):
            path, pool = f"clusters.{name}.talos.cluster_ips.{family}", getattr(cluster.talos.cluster_ips, family)
            if of_pods is None:
                continue  # nothing has an address of it
            yield from _size(path, pool, _AT_LEAST[family])
            yield from _hidden(path, pool, others)


def _size(path: str, pool: AnyNetwork, at_least: int) -> Iterator[Refusal]:
    if pool.prefixlen < at_least:
        yield Refusal(
            path,
            str(pool),
            f"a range of ClusterIPs is a /{at_least} or longer",
            "kube-apiserver refuses a larger one and does not start",
            f"use a /{at_least} of it",
        )


def _hidden(path: str, pool: AnyNetwork, others: tuple[ranges.Range, ...]) -> Iterator[Refusal]:
    of_family = [(place, other) for place, other in others if other.version == pool.version]
    hidden = [f"{place} is {other}" for place, other in of_family if pool.overlaps(other)]
    if hidden:
        more = f", and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
        yield Refusal(
            path,
            str(pool),
            f"ClusterIPs overlap no range of the site; {', '.join(hidden[:_SHOWN])}{more}",
            "a node takes such an address for a service of its own: what has it by right is out of its pods' reach",
            "choose a range that nothing else has",
        )

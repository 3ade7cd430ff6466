"""Which documents a release of Talos knows, and the names that ours have on a node."""

from __future__ import annotations

from trellis.plan.machines import ClusterPlan
from trellis.plan.model import GuestPlan, Plan
from trellis.site.checks.clusters import release_of
from trellis.site.kubernetes import Talos

NETWORK_DOCUMENTS_SINCE = (1, 12, 0)
"""The first Talos with LinkConfig and its like; before it the network is a part of ``machine``."""

BLACKHOLES_SINCE = (1, 13, 0)
"""The first Talos with BlackholeRouteConfig."""

KUBERNETES_DOCUMENTS_SINCE = (1, 14, 0)
"""The first Talos whose generator writes Kubernetes's part in documents; it refuses one beside its older place."""


def talos_of(plan: Plan, cluster: str) -> tuple[ClusterPlan, Talos]:
    """Return a cluster and how its machine configurations are written.

    Args:
        plan: The plan.
        cluster: Name of the cluster.

    Raises:
        ValueError: There is no such cluster, or it does not run Talos.
    """
    for found in plan.clusters:
        if found.name == cluster and found.talos is not None:
            return found, found.talos
    raise ValueError(f"{cluster} is no cluster that runs Talos")


def node_of(plan: Plan, node: str) -> tuple[GuestPlan, ClusterPlan, Talos]:
    """Return a node, its cluster, and how its machine configuration is written.

    Args:
        plan: The plan.
        node: Name of the node.

    Raises:
        ValueError: There is no such node, or it does not run Talos.
    """
    for guest in plan.guests:
        if guest.guest.name == node and guest.guest.cluster is not None:
            return guest, *talos_of(plan, guest.guest.cluster)
    raise ValueError(f"{node} is no node of a cluster that runs Talos")


def knows(talos: Talos, since: tuple[int, int, int]) -> bool:
    """Return whether a release has what came with another.

    Args:
        talos: The release.
        since: The first release that has it.
    """
    return release_of(talos.release) >= since

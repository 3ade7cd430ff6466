"""How a cluster is bootstrapped: in which order its nodes are configured, where each is reached, and what it waits for.

What a node's configuration says stands in ``speakers`` and ``machines``; the resources in ``components.talos``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.plan.machines import ClusterPlan
from trellis.plan.model import Plan


@dataclass(frozen=True, slots=True)
class NodeBootstrap:
    """A node that is configured.

    Attributes:
        address: Where it is reached: its primary address, which is there before its speaker is (R9).
        hosts: Those that it may be on, each of which must have its gateway and its session's other end by then.
    """

    name: str
    role: Literal["controlplane", "worker"]
    address: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BootstrapPlan:
    """A cluster that is bootstrapped.

    Attributes:
        release: Talos's, without a leading ``v``.
        kubernetes: Kubernetes's, without a leading ``v``.
        installer: The image that nodes install; None for Image Factory's.
        nodes: Its nodes, control planes first; etcd begins on the first.
    """

    cluster: str
    release: str
    kubernetes: str
    installer: str | None
    install_disk: str
    nodes: tuple[NodeBootstrap, ...]

    @property
    def controlplanes(self) -> tuple[NodeBootstrap, ...]:
        """Its control planes."""
        return tuple(node for node in self.nodes if node.role == "controlplane")


def bootstraps(plan: Plan) -> tuple[BootstrapPlan, ...]:
    """Return what is to be done for each cluster that this program bootstraps, in the order of their names.

    Args:
        plan: The plan.
    """
    found = (_bootstrap(plan, cluster) for cluster in sorted(plan.clusters, key=lambda cluster: cluster.name))
    return tuple(one for one in found if one is not None)


def _bootstrap(plan: Plan, cluster: ClusterPlan) -> BootstrapPlan | None:
    talos = cluster.talos
    if talos is None or not talos.bootstrap or talos.kubernetes_version is None:
        return None
    of_name = {guest.guest.name: guest for guest in plan.guests}
    nodes = tuple(
        NodeBootstrap(
            name=name,
            role="controlplane" if name in cluster.controlplanes else "worker",
            address=of_name[name].speaker.address,
            hosts=of_name[name].hosts,
        )
        for name in (*cluster.controlplanes, *cluster.workers)
    )
    return BootstrapPlan(
        cluster=cluster.name,
        release=talos.release,
        kubernetes=talos.kubernetes_version,
        installer=talos.installer,
        install_disk=talos.install_disk,
        nodes=nodes,
    )

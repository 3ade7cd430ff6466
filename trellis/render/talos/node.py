"""One node's patch: what kubelet and etcd take for the node's addresses, its network, and its speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.plan.machines import ClusterPlan
from trellis.plan.model import GuestPlan, Plan
from trellis.render.talos.cluster import controlplane_documents
from trellis.render.talos.document import document
from trellis.render.talos.network import machine_network, network_documents
from trellis.render.talos.release import KUBERNETES_DOCUMENTS_SINCE, NETWORK_DOCUMENTS_SINCE, knows, node_of
from trellis.render.talos.speaker import speaker_documents
from trellis.render.yaml_text import Document


def node_documents(plan: Plan, node: str) -> Iterator[Document]:
    """Yield the documents of a node's patch.

    Args:
        plan: The plan.
        node: Name of the node.

    Raises:
        ValueError: There is no such node, or it does not run Talos.
    """
    guest, cluster, talos = node_of(plan, node)
    is_controlplane = guest.guest.role == "controlplane"
    in_documents = knows(talos, KUBERNETES_DOCUMENTS_SINCE)
    machine: dict[str, Any] = {}
    if not knows(talos, NETWORK_DOCUMENTS_SINCE):
        machine["network"] = machine_network(guest, talos)
    if not in_documents:
        machine["kubelet"] = {"nodeIP": {"validSubnets": _own_subnets(cluster)}}
    etcd = {"etcd": {"advertisedSubnets": _of_etcd(guest, cluster)}} if is_controlplane else {}
    if machine or etcd:
        yield {**({"machine": machine} if machine else {}), **({"cluster": etcd} if etcd else {})}
    if in_documents:
        yield document("KubeNodeConfig", nodeIP={"validSubnets": _own_subnets(cluster)})
        yield from controlplane_documents(cluster) if is_controlplane else ()
    if knows(talos, NETWORK_DOCUMENTS_SINCE):
        yield from network_documents(guest, talos)
    yield from speaker_documents(guest, talos)


def _own_subnets(cluster: ClusterPlan) -> list[str]:
    """Return where a node's own addresses lie: on its VNet (loopbacks broke Cilium), and none that is shared."""
    return [*cluster.subnets, *(f"!{address}/{128 if ':' in address else 32}" for address in cluster.vip)]


def _of_etcd(guest: GuestPlan, cluster: ClusterPlan) -> list[str]:
    """Return by which addresses etcd's members reach each other: loopbacks, where nodes are told each other's."""
    by_loopback = cluster.peers_told and guest.machine.loopbacks
    return list(cluster.loopbacks) if by_loopback else _own_subnets(cluster)

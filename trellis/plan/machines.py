"""What a guest's machine has beside its speaker: its network card, addresses, first route; and what a cluster shares.

Data for machine configurations; the documents of Talos and cloud-init are written in ``trellis.render``.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.site.kubernetes import Cilium, Talos
from trellis.site.model import Cluster, Site, Speaker
from trellis.site.resolved import AttachedGuest, vip_addresses

FIRST_ROUTE_METRIC = 4096
"""Metric of the static default by which a machine boots before BGP is up; worse than any speaker's (BIRD 32, FRR 20,
Talos 1024)."""
FIRST_ROUTE_METRIC_BESIDE_FRR = (254 << 24) + FIRST_ROUTE_METRIC
"""The same, where FRR is the speaker: zebra takes the first byte of a kernel route's metric for its distance, and with
0 there a route would beat that of BGP (20), which would never reach the kernel."""


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """A guest's network as its operating system is to have it.

    Attributes:
        interface: Name of its network card on the VNet, where the site says it.
        addresses: Its own addresses with their subnets' lengths, IPv4 first, then its global one if it has one.
        gateways: The anycast gateways, in the order of the addresses; the global one needs none of its own.
        first_metric: Metric of the routes by them, by which it boots.
        loopbacks: Host routes of its loopbacks, IPv4 first.
        extra: Further prefixes that it announces and has.
        shared: Addresses that it has in turn with the other control planes of its cluster.
        slaac: The subnet of which it makes no address, though it makes one of every other prefix that is advertised;
            None where it makes none at all.
    """

    mac: str
    mtu: int
    interface: str | None
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    first_metric: int
    loopbacks: tuple[str, ...]
    extra: tuple[str, ...]
    shared: tuple[str, ...]
    slaac: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """What the nodes of a cluster have in common.

    Attributes:
        nodes: Names of its nodes by role, in order: control planes, workers.
        vip: Addresses that control planes share, IPv4 first.
        subnets: Its VNet's subnets, IPv4 first.
        loopbacks: The ranges of its tenant's loopbacks, IPv4 first.
        peers_told: Whether nodes are told each other's loopbacks.
        pods: Pod pools with the length of a node's part, IPv4 first.
        pods_bound: Whether the site gives a node its part; else Kubernetes does.
        services: Ranges of service addresses, IPv4 first.
        cluster_ips: Ranges of the addresses that services have inside, on Talos, of the families of its pods.
    """

    name: str
    tenant: str
    vnet: str
    speaker: Speaker
    talos: Talos | None
    cilium: Cilium | None
    controlplanes: tuple[str, ...]
    workers: tuple[str, ...]
    vip: tuple[str, ...]
    subnets: tuple[str, ...]
    loopbacks: tuple[str, ...]
    peers_told: bool
    pods: tuple[tuple[str, int], ...]
    pods_bound: bool
    services: tuple[str, ...]
    cluster_ips: tuple[str, ...]


def machine_plan(site: Site, guest: AttachedGuest) -> MachinePlan:
    """Return a guest's network.

    Args:
        site: The site.
        guest: The guest.
    """
    subnets = site.vnets[guest.vnet].subnets
    talos = site.clusters[guest.cluster].talos if guest.cluster is not None else None
    held = [(guest.ipv4, subnets.ipv4), (guest.ipv6, subnets.ipv6)]
    there = [(address, subnet) for address, subnet in held if address is not None and subnet is not None]
    delegated = site.delegated.get(guest.vnet)
    # One that is deprecated is left as the machine's configuration is applied; hosts still let it pass.
    now = guest.global_ipv6[:1] if delegated is not None and delegated.current is not None else ()
    return MachinePlan(
        mac=guest.mac,
        mtu=site.zones[guest.zone].mtu,
        interface=talos.interface if talos is not None else None,
        addresses=(
            *(f"{address}/{subnet.prefix.prefixlen}" for address, subnet in there),
            *(f"{address}/64" for address in now),
        ),
        gateways=tuple(str(subnet.gateway) for _, subnet in there),
        first_metric=FIRST_ROUTE_METRIC_BESIDE_FRR if guest.speaker == "frr" else FIRST_ROUTE_METRIC,
        loopbacks=tuple(map(str, guest.loopbacks)),
        extra=tuple(map(str, guest.extra)),
        shared=tuple(map(str, guest.shared)),
        slaac=str(subnets.ipv6.prefix) if guest.slaac else None,
    )


def cluster_plan(site: Site, name: str, *, peers_told: bool) -> ClusterPlan:
    """Return what the nodes of a cluster have in common.

    Args:
        site: The site.
        name: The cluster's name.
        peers_told: Whether guests of its VNet are told each other's loopbacks.
    """
    cluster = site.clusters[name]
    vnet = site.vnets[cluster.vnet]
    pools = site.tenants[vnet.tenant].loopbacks
    families = [family for family in (cluster.pods.ipv4, cluster.pods.ipv6) if family is not None]
    return ClusterPlan(
        name=name,
        tenant=vnet.tenant,
        vnet=cluster.vnet,
        speaker=cluster.speaker,
        talos=cluster.talos,
        cilium=cluster.cilium,
        controlplanes=_of_role(cluster, "controlplane"),
        workers=_of_role(cluster, "worker"),
        vip=tuple(map(str, vip_addresses(cluster))),
        subnets=tuple(str(subnet.prefix) for subnet in (vnet.subnets.ipv4, vnet.subnets.ipv6) if subnet is not None),
        loopbacks=tuple(str(pool) for pool in (pools.ipv4, pools.ipv6) if pool is not None) if pools else (),
        peers_told=peers_told,
        pods=tuple((str(family.pool), family.node_length) for family in families),
        pods_bound=any(node.pod_block is not None for node in cluster.nodes.values()),
        services=(
            tuple(str(pool) for pool in (cluster.services.ipv4, cluster.services.ipv6) if pool is not None)
            if cluster.services is not None
            else ()
        ),
        cluster_ips=_cluster_ips(cluster),
    )


def _cluster_ips(cluster: Cluster) -> tuple[str, ...]:
    if cluster.talos is None:
        return ()
    inside, pods = cluster.talos.cluster_ips, cluster.pods
    found = ((inside.ipv4, pods.ipv4), (inside.ipv6, pods.ipv6))
    return tuple(str(pool) for pool, of_pods in found if of_pods is not None)


def _of_role(cluster: Cluster, role: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, node in cluster.nodes.items() if node.role == role))

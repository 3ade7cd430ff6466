"""Every guest and every cluster node as one shape, with the numbers that follow from its ids.

Checks, plan and lab all need a guest's ASN, addresses and prefixes; they are derived here once.  Nothing is
judged: the checks do that, and until they have, values here may collide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from trellis import allocate
from trellis.site.model import Attachment, Cluster, Guest, Node, Resilience, Site, Speaker, Tenant, Vnet
from trellis.site.peering import GuestBgp

AnyNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class AttachedGuest:
    """A guest or a cluster node on its VNet.

    Attributes:
        path: Where it stands in the site.
        own_asn: Whether the ASN was named in the site rather than derived.
        loopbacks: Host routes of its loopbacks, IPv4 first.
        pods: Pod prefixes that it may announce, each exactly of the node's length.
        pod_pools: Pools of which it may announce any block of the given length, where it has no block of its own.
        services: Pools of which it may announce host routes.
        extra: Further prefixes from the site.
        vmid: Its number in Proxmox, where the site says it.
        nic: Which of its network cards is on the VNet.
        shared: Addresses that it has in turn with others: a control plane's of its cluster.
        global_ipv6: Its address in each prefix that is delegated to its VNet, the current one first, if the site says
            that it has any.
        slaac: Whether it makes an address of each of these prefixes itself instead.
    """

    name: str
    path: str
    vnet: str
    zone: str
    tenant: str
    cluster: str | None
    role: str | None
    suffix: int
    host: str
    placement: tuple[str, ...]
    mac: str
    asn: int
    own_asn: bool
    ipv4: IPv4Address | None
    ipv6: IPv6Address
    loopbacks: tuple[AnyNetwork, ...]
    pods: tuple[AnyNetwork, ...]
    pod_pools: tuple[tuple[AnyNetwork, int], ...]
    services: tuple[AnyNetwork, ...]
    extra: tuple[AnyNetwork, ...]
    speaker: Speaker
    resilience: Resilience
    vmid: int | None = None
    nic: int = 0
    shared: tuple[IPv4Address | IPv6Address, ...] = ()
    global_ipv6: tuple[IPv6Address, ...] = ()
    slaac: bool = False

    @property
    def router_id(self) -> IPv4Address:
        """The router id: the IPv4 loopback, else the IPv4 address, else the ASN (RFC 6286: any but zero)."""
        first = self.loopbacks[0] if self.loopbacks else None
        if isinstance(first, IPv4Network):
            return first.network_address
        return self.ipv4 if self.ipv4 is not None else IPv4Address(self.asn)


def peering_policy(site: Site, vnet: str) -> GuestBgp:
    """Return the policy for guests of a VNet: its own, else its tenant's.

    Args:
        site: A site whose references hold.
        vnet: Id of the VNet.
    """
    found = site.vnets[vnet]
    return found.guest_bgp if found.guest_bgp is not None else site.tenants[found.tenant].guest_bgp


def policy_path(site: Site, vnet: str) -> str:
    """Return where the policy for guests of a VNet stands in the site."""
    found = site.vnets[vnet]
    return f"vnets.{vnet}.guest_bgp" if found.guest_bgp is not None else f"tenants.{found.tenant}.guest_bgp"


def zone_nodes(site: Site, zone: str) -> tuple[str, ...]:
    """Return the names of the hosts that carry ``zone``, in the order of their ids."""
    return by_id(site, site.zones[zone].nodes or site.hosts)


def by_id(site: Site, hosts: Iterable[str]) -> tuple[str, ...]:
    """Return names of hosts in the order of their ids, so that the order in which they are written means nothing."""
    return tuple(sorted(hosts, key=lambda name: site.hosts[name].id))


def attached_guests(site: Site) -> tuple[AttachedGuest, ...]:
    """Return all guests and cluster nodes by name, each with its derived numbers.

    Args:
        site: A site whose references are known to hold.
    """
    return tuple(sorted((*_guests(site), *_nodes(site)), key=lambda guest: guest.name))


def _guests(site: Site) -> Iterator[AttachedGuest]:
    for name, guest in site.guests.items():
        vnet = site.vnets[guest.vnet]
        tenant = site.tenants[vnet.tenant]
        asn = allocate.guest_asn(tenant.id, guest.suffix)
        yield _attached(site, name, f"guests.{name}", guest, guest.vnet, asn, guest.suffix, guest=guest)


def _nodes(site: Site) -> Iterator[AttachedGuest]:
    for cluster_name, cluster in site.clusters.items():
        for name, node in cluster.nodes.items():
            asn = allocate.node_asn(cluster.id, node.suffix)
            path = f"clusters.{cluster_name}.nodes.{name}"
            yield _attached(
                site, name, path, node, cluster.vnet, asn, node.suffix, cluster=(cluster_name, cluster, node)
            )


def _attached(
    site: Site,
    name: str,
    path: str,
    entry: Attachment,
    vnet_id: str,
    asn: int,
    suffix: int,
    *,
    guest: Guest | None = None,
    cluster: tuple[str, Cluster, Node] | None = None,
) -> AttachedGuest:
    vnet = site.vnets[vnet_id]
    ipv4, ipv6 = _addresses(entry, vnet, suffix)
    pods, pod_pools = _pods(cluster[1], cluster[2]) if cluster else ((), ())
    services = cluster[1].services if cluster else None
    return AttachedGuest(
        name=name,
        path=path,
        vnet=vnet_id,
        zone=vnet.zone,
        tenant=vnet.tenant,
        cluster=cluster[0] if cluster else None,
        role=cluster[2].role if cluster else None,
        suffix=suffix,
        host=entry.host,
        placement=by_id(site, entry.placement) or zone_nodes(site, vnet.zone),
        mac=entry.mac.lower(),
        asn=entry.asn if entry.asn is not None else asn,
        own_asn=entry.asn is not None,
        ipv4=ipv4,
        ipv6=ipv6,
        loopbacks=_loopbacks(entry, site.tenants[vnet.tenant], suffix),
        pods=pods,
        pod_pools=pod_pools,
        services=tuple(pool for pool in (services.ipv4, services.ipv6) if pool) if services else (),
        extra=tuple(sorted(guest.announces, key=lambda prefix: (prefix.version, prefix))) if guest else (),
        speaker=guest.speaker if guest else cluster[1].speaker if cluster else "frr",
        resilience=entry.resilience,
        vmid=entry.vmid,
        nic=entry.nic,
        shared=vip_addresses(cluster[1]) if cluster and cluster[2].role == "controlplane" else (),
        slaac=entry.global_address == "slaac",
        global_ipv6=tuple(allocate.in_prefix(prefix, ipv6) for prefix in _global_prefixes(site, entry, vnet_id)),
    )


def _global_prefixes(site: Site, entry: Attachment, vnet: str) -> tuple[IPv6Network, ...]:
    found = site.delegated.get(vnet)
    return found.prefixes if found is not None and entry.global_address == "static" else ()


def vip_addresses(cluster: Cluster) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the addresses that a cluster's control planes share, IPv4 first."""
    vip = cluster.vip
    return tuple(address for address in (vip.ipv4, vip.ipv6) if address is not None) if vip is not None else ()


def _addresses(entry: Attachment, vnet: Vnet, suffix: int) -> tuple[IPv4Address | None, IPv6Address]:
    if entry.addresses is not None:
        return entry.addresses.ipv4, entry.addresses.ipv6
    subnets = vnet.subnets
    ipv4 = allocate.suffix_address(subnets.ipv4.prefix, suffix) if subnets.ipv4 else None
    return ipv4, allocate.suffix_address(subnets.ipv6.prefix, suffix)


def _loopbacks(entry: Attachment, tenant: Tenant, suffix: int) -> tuple[AnyNetwork, ...]:
    if entry.loopback is not None:
        ipv4, ipv6 = entry.loopback.ipv4, entry.loopback.ipv6
    elif tenant.loopbacks is not None:
        pools = tenant.loopbacks
        ipv4 = allocate.suffix_address(pools.ipv4, suffix) if pools.ipv4 else None
        ipv6 = allocate.suffix_address(pools.ipv6, suffix)
    else:
        return ()
    return (*([IPv4Network(ipv4)] if ipv4 else []), IPv6Network(ipv6))


def _pods(cluster: Cluster, node: Node) -> tuple[tuple[AnyNetwork, ...], tuple[tuple[AnyNetwork, int], ...]]:
    families = [family for family in (cluster.pods.ipv4, cluster.pods.ipv6) if family is not None]
    if node.pod_block is None:
        return (), tuple((family.pool, family.node_length) for family in families)
    blocks: list[AnyNetwork] = []
    for family in families:
        if node.pod_block < allocate.pod_blocks(family.pool, family.node_length):
            blocks.append(allocate.pod_block(family.pool, family.node_length, node.pod_block))  # type: ignore[type-var]
    return tuple(blocks), ()

"""Whose address is whose: what guests of a zone may use, and what is the infrastructure's; by address alone.

Checks of leaks and services, and the plan's firewall, need both; they are derived here once.  Nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from trellis.site.checks.addresses import infrastructure
from trellis.site.model import Site
from trellis.site.resolved import AnyNetwork, AttachedGuest


def zone_prefixes(site: Site, zone: str, guests: tuple[AttachedGuest, ...]) -> tuple[AnyNetwork, ...]:
    """Return every range that guests of ``zone`` may use, collapsed, IPv4 first.

    Args:
        site: A site whose references hold.
        zone: Id of the zone.
        guests: The site's guests and nodes, resolved.
    """
    return vnet_prefixes(site, (name for name, vnet in site.vnets.items() if vnet.zone == zone), guests)


def delegating(site: Site, edge: str) -> dict[str, str]:
    """Return the pool of each VNet whose prefixes an edge gets, by VNet.

    Args:
        site: A site whose references hold.
        edge: Name of the edge; a delegation that names none means the only one.
    """
    only = next(iter(site.edges)) if len(site.edges) == 1 else None
    return {
        name: vnet.delegation.pool
        for name, vnet in sorted(site.vnets.items())
        if vnet.delegation is not None and (vnet.delegation.edge or only) == edge
    }


def vnet_prefixes(site: Site, vnets: Iterable[str], guests: tuple[AttachedGuest, ...]) -> tuple[AnyNetwork, ...]:
    """Return every range that guests of some VNets may use, collapsed, IPv4 first.

    A tenant's loopbacks count for each of its VNets: which of its guests has which is not bound to one.

    Args:
        site: A site whose references hold.
        vnets: Ids of the VNets.
        guests: The site's guests and nodes, resolved.
    """
    found: list[AnyNetwork | None] = []
    chosen = {name: site.vnets[name] for name in vnets}
    for vnet in chosen.values():
        found += [vnet.subnets.ipv6.prefix, vnet.subnets.ipv4.prefix if vnet.subnets.ipv4 else None]
    pools = [site.tenants[vnet.tenant].loopbacks for vnet in chosen.values()]
    for cluster in (cluster for cluster in site.clusters.values() if cluster.vnet in chosen):
        pools.append(cluster.services)
        found += [family.pool for family in (cluster.pods.ipv4, cluster.pods.ipv6) if family is not None]
    found += [prefix for name in chosen if name in site.delegated for prefix in site.delegated[name].prefixes]
    for pool in pools:
        found += [pool.ipv4, pool.ipv6] if pool is not None else []
    for guest in (guest for guest in guests if guest.vnet in chosen):
        found += [*guest.loopbacks, *guest.extra]
    return collapsed(prefix for prefix in found if prefix is not None)


def protected(site: Site) -> tuple[AnyNetwork, ...]:
    """Return what guests reach by a declared service only.

    That is the infrastructure, each router's loopbacks, links, and where hosts and Proxmox are reached.

    Args:
        site: A site of the right shape.
    """
    found: list[AnyNetwork] = [prefix for _, prefix in infrastructure(site)]
    for edge in site.edges.values():
        found += [IPv4Network(edge.loopback.ipv4), IPv6Network(edge.loopback.ipv6)]
    for link in site.links.values():
        for end in link.ends.values():
            found += [
                interface.network
                for interface in (end.ipv4, end.ipv6)
                if interface is not None and not interface.is_link_local
            ]
    managed = [host.ssh.address for host in site.hosts.values()]
    if site.proxmox is not None:
        managed.append(site.proxmox.endpoint.removeprefix("https://").rpartition(":")[0].strip("[]"))
    for name in managed:
        try:
            found.append(ip_network(ip_address(name)))
        except ValueError:
            continue  # a name, which only a resolver knows
    return collapsed(found)


def collapsed(prefixes: Iterable[AnyNetwork]) -> tuple[AnyNetwork, ...]:
    """Return the fewest prefixes that cover the same addresses, IPv4 first, each family in order."""
    found: list[AnyNetwork] = []  # disjoint, in order, no two of them halves of one prefix
    for prefix in sorted(set(prefixes), key=_place):
        if found and within(prefix, found[-1]):
            continue
        found.append(prefix)
        while len(found) > 1 and (whole := _joined(found[-2], found[-1])) is not None:
            found[-2:] = [whole]
    return tuple(found)


def _place(prefix: AnyNetwork) -> tuple[int, int, int]:
    return prefix.version, int(prefix.network_address), prefix.prefixlen


def _joined(low: AnyNetwork, high: AnyNetwork) -> AnyNetwork | None:
    """Return the prefix whose halves two neighbours are; nothing if they are not."""
    if low.prefixlen != high.prefixlen or low.version != high.version:
        return None
    size = 1 << (low.max_prefixlen - low.prefixlen)
    start = int(low.network_address)
    if int(high.network_address) - start != size or start & size:
        return None
    return low.supernet()


def part_of(prefixes: Iterable[AnyNetwork], territory: Iterable[AnyNetwork]) -> tuple[AnyNetwork, ...]:
    """Return which of ``prefixes`` lie within ``territory``, collapsed."""
    known = tuple(territory)
    return collapsed(prefix for prefix in prefixes if any(within(prefix, own) for own in known))


def within(inner: AnyNetwork, outer: AnyNetwork) -> bool:
    """Return whether ``inner`` is ``outer`` or lies in it."""
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]

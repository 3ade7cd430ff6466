"""What a RouterOS edge must run, resolved: its sessions, what it accepts, NAT66 and what follows a delegation.

Deliberately elsewhere: the filter between zones, which edges of any kind have (``trellis.plan.firewall``), and
RouterOS's own words for all of this (``trellis.render.routeros``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv6Network, collapse_addresses

from trellis.plan.delegated import delegated_subnets
from trellis.plan.peering import PeeringPlan
from trellis.plan.prefix_lists import of_infrastructure
from trellis.plan.routeros_model import Accepted, EdgeLink, Replaced, RouterosPlan
from trellis.site.checks.edges import DELEGATED_LENGTH
from trellis.site.model import Edge, Site
from trellis.site.resolved import AnyNetwork
from trellis.site.routeros import Routeros
from trellis.site.territory import delegating

UNIQUE_LOCAL = IPv6Network("fc00::/7")
"""Addresses that no provider routes (RFC 4193)."""


def routeros_plan(site: Site, name: str, peerings: Mapping[str, PeeringPlan]) -> RouterosPlan:
    """Return what an edge runs if it is a RouterOS.

    Args:
        site: A site that was accepted.
        name: The edge.
        peerings: By VNet on which somebody is heard, the policy there.
    """
    edge, fabric = site.edges[name], site.fabric
    own = edge.routeros or Routeros()
    return RouterosPlan(
        loopback_interface=own.loopback_interface,
        max_hops=edge.max_hops,
        keepalive_s=fabric.keepalive_s,
        hold_time_s=fabric.hold_time_s,
        link_bfd=fabric.bfd,
        multihop_bfd=fabric.multihop_bfd,
        links=_links(site, name),
        refused=tuple(entry.prefix for found in of_infrastructure(site) for entry in found.entries),
        accepted=_accepted(site, edge, peerings),
        wan_interface=own.wan_interface,
        nat66=own.nat66,
        nat66_sources=nat66_sources(site),
        pools=tuple(sorted(delegating(site, name).values())),
        delegated=_delegated(site, name, own),
        webhook=own.webhook,
        replaced=tuple(
            Replaced(vnet, interface, tuple(str(prefix) for prefix in _own_subnets(site, vnet)))
            for vnet, interface in sorted(own.replaces.items())
        ),
    )


def nat66_sources(site: Site) -> tuple[str, ...]:
    """Return the fewest prefixes that hold every unique local address of the site's tenants, and no other."""
    found = [
        *(prefix for vnet in site.vnets for prefix in _own_subnets(site, vnet)),
        *(tenant.loopbacks.ipv6 for tenant in site.tenants.values() if tenant.loopbacks),
        *(cluster.pods.ipv6.pool for cluster in site.clusters.values() if cluster.pods.ipv6),
        *(cluster.services.ipv6 for cluster in site.clusters.values() if cluster.services),
    ]
    local = [prefix for prefix in found if isinstance(prefix, IPv6Network) and prefix.subnet_of(UNIQUE_LOCAL)]
    return tuple(map(str, collapse_addresses(local)))


def _links(site: Site, name: str) -> tuple[EdgeLink, ...]:
    links = [link for link in site.links.values() if name in link.ends]
    found = (EdgeLink(link.ends[name].interface, link.cost, link.kind == "point-to-point") for link in links)
    return tuple(sorted(found, key=lambda link: link.interface))


def _delegated(site: Site, edge: str, own: Routeros) -> tuple[str, ...]:
    """Return the fewest ranges that hold every prefix which an edge may have of a provider."""
    found = [*own.delegations, *(prefix for vnet in delegating(site, edge) for prefix in _prefixes(site, vnet))]
    return tuple(map(str, collapse_addresses(found)))


def _prefixes(site: Site, vnet: str) -> tuple[IPv6Network, ...]:
    """Return the delegated prefixes of a VNet."""
    return tuple(IPv6Network(subnet.prefix) for subnet in delegated_subnets(site, vnet))


def _own_subnets(site: Site, vnet: str) -> tuple[AnyNetwork, ...]:
    """Return the subnets that a VNet has by the site itself, IPv6 first."""
    subnets = site.vnets[vnet].subnets
    return tuple(subnet.prefix for subnet in (subnets.ipv6, subnets.ipv4) if subnet is not None)


def _accepted(site: Site, edge: Edge, peerings: Mapping[str, PeeringPlan]) -> tuple[Accepted, ...]:
    """Return what hosts may announce to an edge, each once."""
    told = (edge.routeros or Routeros()).delegations
    found = (prefix for vnet in site.vnets for prefix in _prefixes(site, vnet))
    # What lies in a range that the edge is told of needs no new filter when it changes.
    unforeseen = (prefix for prefix in found if not any(prefix.subnet_of(outer) for outer in told))
    ranges: set[_Range] = {*_of_vnets(site, peerings), *_of_clusters(site)}
    ranges |= {(prefix, DELEGATED_LENGTH, DELEGATED_LENGTH) for prefix in (*told, *unforeseen)}
    in_order = sorted(ranges, key=lambda found: (found[0].version, found[0], found[1:]))
    return tuple(Accepted(str(prefix), shortest, longest) for prefix, shortest, longest in in_order)


_Range = tuple[AnyNetwork, int, int]


def _of_vnets(site: Site, peerings: Mapping[str, PeeringPlan]) -> Iterator[_Range]:
    """Yield each VNet's own subnets, and what its guests may announce of them and of their tenant's loopbacks."""
    for name, vnet in site.vnets.items():
        yield from ((prefix, prefix.prefixlen, prefix.prefixlen) for prefix in _own_subnets(site, name))
        if name not in peerings:
            continue
        peering, pools = peerings[name], site.tenants[vnet.tenant].loopbacks
        loopbacks = [pool for pool in (pools.ipv6, pools.ipv4) if pool is not None] if pools else []
        yield from ((pool, pool.max_prefixlen, pool.max_prefixlen) for pool in loopbacks)
        for outer in (*_own_subnets(site, name), *(loopbacks if peering.mode == "open" else ())):
            shortest, longest = peering.lengths[0 if outer.version == 4 else 1]
            if longest >= outer.prefixlen:
                yield outer, max(shortest, outer.prefixlen), longest


def _of_clusters(site: Site) -> Iterator[_Range]:
    """Yield the pods of each cluster, exactly of a node's length (incident I4), and its services' host routes."""
    for cluster in site.clusters.values():
        for pods in (cluster.pods.ipv4, cluster.pods.ipv6):
            if pods is not None:
                yield pods.pool, pods.node_length, pods.node_length
        services = cluster.services
        for pool in (services.ipv4, services.ipv6) if services else ():
            if pool is not None:
                yield pool, pool.max_prefixlen, pool.max_prefixlen

"""Delegated prefixes belong to VNets that get one, overlap nothing, and what is advertised of them holds for guests.

What a prefix file can say by itself is judged in ``trellis.site.delegated``.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from trellis.site.advertising import RouterAdvertisements
from trellis.site.checks.numbers import collisions
from trellis.site.checks.ranges import Range, of_delegation, of_fabric, of_tenants
from trellis.site.delegated import repeated
from trellis.site.model import Attachment, Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import peering_policy, zone_nodes
from trellis.site.territory import protected

SENDING: tuple[str, ...] = ()
"""Releases of Proxmox VE whose SDN can advertise hosts to guests; it was in review in June 2026, and none does yet."""
_DNS_PORT = 53


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each delegated prefix that is nobody's or another's, and each advertisement that misleads.

    Args:
        site: A site whose references hold.
    """
    yield from repeated(site.delegated, "delegated")
    yield from _unasked(site)
    yield from _overlapping(site)
    yield from _delegations(site)
    for name, vnet in site.vnets.items():
        if vnet.router_advertisements is not None:
            path = f"vnets.{name}.router_advertisements"
            yield from _lifetimes(path, vnet.router_advertisements)
            yield from _resolvers(site, name, path, vnet.router_advertisements)
            if vnet.router_advertisements.sender == "proxmox":
                yield from _by_proxmox(site, name, f"{path}.sender")
    yield from _own_subnets(site)
    yield from _global_addresses(site)


def _unasked(site: Site) -> Iterator[Refusal]:
    for name in site.delegated:
        if site.vnets[name].delegation is None:
            yield Refusal(
                f"delegated.{name}",
                name,
                "prefixes are delegated to VNets that say from which pool",
                "nobody would notice when the prefix changes, and guests would lose the internet (incident I10)",
                f"set vnets.{name}.delegation, or take the VNet out of the prefix file",
            )


def _overlapping(site: Site) -> Iterator[Refusal]:
    """Refuse a delegated prefix that holds, or lies in, anything else of the site."""
    if not site.delegated:
        return
    own: list[Range] = [*of_tenants(site), *of_fabric(site)]
    for path, prefix in of_delegation(site):
        for other_path, other in own:
            if other.version == 6 and prefix.overlaps(other):
                yield Refusal(
                    path,
                    str(prefix),
                    f"a delegated prefix overlaps nothing else of the site; {other_path} is {other}",
                    "one of the two would be unreachable, or its traffic would go to the other",
                    "ask the router what it delegates: `trellis prefixes diff`; or give the site a range of its own",
                )


def _delegations(site: Site) -> Iterator[Refusal]:
    claims: list[tuple[str, object]] = []
    for name, vnet in site.vnets.items():
        if vnet.delegation is None:
            continue
        path = f"vnets.{name}.delegation"
        edge = vnet.delegation.edge or next(iter(site.edges), None)
        if vnet.delegation.edge is None and len(site.edges) != 1:
            yield Refusal(
                f"{path}.edge",
                "nothing",
                f"a delegation names its edge, unless there is exactly one; there are {len(site.edges)}",
                "each edge has pools of its own, and the wrong one would be asked",
                f"name one of: {', '.join(sorted(site.edges)) or 'none'}" if site.edges else "add the edge to the site",
            )
            continue
        claims.append((f"{path}.pool", f"{vnet.delegation.pool} of {edge}"))
    why = "two VNets would be given one prefix, and each its guests' addresses to the other's"
    yield from collisions(claims, "pool of delegated prefixes", why, "give each VNet a pool of its own")


def _by_proxmox(site: Site, name: str, path: str) -> Iterator[Refusal]:
    """Refuse to leave it to a Proxmox that does not send, or where FRR of ours does in any case."""
    unable = [host for host in zone_nodes(site, site.vnets[name].zone) if site.hosts[host].pve_version not in SENDING]
    if unable:
        yield Refusal(
            path,
            "proxmox",
            "every host of the VNet runs a Proxmox VE that sends advertisements "
            f"({', '.join(SENDING) or 'none is known'}); {unable[0]} does not"
            f"{f', nor {len(unable) - 1} more' if unable[1:] else ''}",
            "guests there would hear of no router and of no prefix",
            "leave sender out, and hosts send what the site says",
        )
    if peering_policy(site, name).enabled:
        yield Refusal(
            path,
            "proxmox",
            "one sender per VNet: where guests may speak BGP, FRR advertises what the site says in any case",
            "a session that carries both families has it advertise (docs/decisions/0008), and guests would hear two",
            "leave sender out, or disable guest_bgp on the VNet",
        )


def _lifetimes(path: str, told: RouterAdvertisements) -> Iterator[Refusal]:
    least = 3 * told.max_interval_s
    lifetimes = (("valid_lifetime_s", told.valid_lifetime_s), ("preferred_lifetime_s", told.preferred_lifetime_s))
    for key, lifetime in lifetimes:
        if lifetime < least:
            yield Refusal(
                f"{path}.{key}",
                str(lifetime),
                f"a lifetime is three times max_interval_s ({told.max_interval_s}) or more, {least}, so that two lost "
                "advertisements are borne",
                "guests would lose their address, or open no connection from it, until the next one comes",
                f"raise it to {least}, or lower max_interval_s; both have defaults that fit",
            )
    if told.preferred_lifetime_s > told.valid_lifetime_s:
        yield Refusal(
            f"{path}.preferred_lifetime_s",
            str(told.preferred_lifetime_s),
            f"an address is preferred no longer than it is valid, {told.valid_lifetime_s} s (RFC 4862)",
            "guests ignore such a prefix, and radvd does not start",
            "lower it, or raise valid_lifetime_s",
        )


def _resolvers(site: Site, name: str, path: str, told: RouterAdvertisements) -> Iterator[Refusal]:
    """Refuse a resolver that guests of the VNet could not ask: one that no service opens to them, or no unicast."""
    opened = [service for service in site.firewall.values() if name in service.vnets and _DNS_PORT in service.ports]
    by_gateway = any(not service.to for service in opened)
    gateways = {vnet.subnets.ipv6.gateway for vnet in site.vnets.values()}
    for position, address in enumerate(told.resolvers):
        if address.is_multicast or address.is_link_local or address.is_loopback or address.is_unspecified:
            yield Refusal(
                f"{path}.resolvers.{position}",
                str(address),
                "a resolver has a unicast address that is routed",
                "guests could ask it on one link only, or nowhere",
                "name the resolver's own address",
            )
        elif told.resolvers.index(address) != position:
            yield Refusal(
                f"{path}.resolvers.{position}",
                str(address),
                "each resolver is named once",
                "guests take three at most, and one of them would be the same",
                "leave it out",
            )
        elif (address in gateways or _is_infrastructure(site, address)) and not (
            (address == site.vnets[name].subnets.ipv6.gateway and by_gateway)
            or any(address in prefix for service in opened for prefix in service.to if prefix.version == 6)
        ):
            yield Refusal(
                f"{path}.resolvers.{position}",
                str(address),
                f"a resolver in the infrastructure is a service (port {_DNS_PORT}) for guests of this VNet",
                "guests would be told to ask it, and the host's filter would drop every question (R12)",
                f"declare it under firewall, for {name} and port {_DNS_PORT}; without `to` it is the VNet's gateway",
            )


def _is_infrastructure(site: Site, address: IPv6Address) -> bool:
    return any(address in prefix for prefix in protected(site) if prefix.version == 6)


def _own_subnets(site: Site) -> Iterator[Refusal]:
    for name, vnet in site.vnets.items():
        prefix = vnet.subnets.ipv6.prefix
        if (vnet.delegation is not None or vnet.router_advertisements is not None) and prefix.prefixlen != 64:
            yield Refusal(
                f"vnets.{name}.subnets.ipv6.prefix",
                str(prefix),
                "a VNet with router_advertisements or a delegation has a /64 of its own",
                "guests make addresses in a /64 only (RFC 4862), and each prefix has the last 64 bits of its gateway",
                "choose a /64",
            )


def _global_addresses(site: Site) -> Iterator[Refusal]:
    entries: list[tuple[str, str, Attachment]] = [
        (f"guests.{name}", guest.vnet, guest) for name, guest in site.guests.items()
    ]
    for name, cluster in site.clusters.items():
        entries += [(f"clusters.{name}.nodes.{n}", cluster.vnet, node) for n, node in cluster.nodes.items()]
    for path, vnet, entry in entries:
        if entry.global_address != "none" and site.vnets[vnet].delegation is None:
            yield Refusal(
                f"{path}.global_address",
                entry.global_address,
                f"a global address is of a prefix that is delegated to the VNet, {vnet}",
                "it would have none, without a word",
                f"set vnets.{vnet}.delegation, or write global_address: none",
            )
        if entry.global_address == "slaac" and site.vnets[vnet].router_advertisements is None:
            yield Refusal(
                f"{path}.global_address",
                "slaac",
                f"hosts advertise on the VNet of who makes addresses by itself, {vnet}",
                "it would have none, without a word",
                f"set vnets.{vnet}.router_advertisements, or write global_address: static",
            )

"""Prefix-lists: which prefixes a filter means, exactly or within.

Lists of guests match exactly what the guest is bound to (R7, incident I4: never an aggregate); lists of the
infrastructure match everything inside it (R5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from zlib import crc32

from trellis.plan import names
from trellis.plan.filter_model import IpKeyword, PrefixEntry, PrefixList
from trellis.plan.peering import PeeringPlan
from trellis.plan.sdn import vni
from trellis.site.checks.addresses import infrastructure
from trellis.site.model import Site
from trellis.site.resolved import AnyNetwork, AttachedGuest

KEYWORDS: dict[int, IpKeyword] = {4: "ip", 6: "ipv6"}

Match = tuple[AnyNetwork, int | None, int | None]
"""A prefix with the shortest (ge) and longest (le) length that matches inside it; None is FRR's default."""


def exactly(prefix: AnyNetwork, length: int | None = None) -> Match:
    """Return the match of ``prefix`` itself, or of every prefix of exactly ``length`` inside it."""
    if length is None or length == prefix.prefixlen:
        return prefix, None, None
    # FRR leaves out a le that is the longest length of the family.
    return prefix, length, None if length == prefix.max_prefixlen else length


def inside(prefix: AnyNetwork) -> Match:
    """Return the match of ``prefix`` and everything inside it."""
    return prefix, None, None if prefix.prefixlen == prefix.max_prefixlen else prefix.max_prefixlen


def prefix_lists(name: str, matches: Iterable[Match]) -> Iterator[PrefixList]:
    """Yield the IPv4 and the IPv6 prefix-list of that name, each only if it has entries."""
    by_version: dict[int, list[Match]] = {4: [], 6: []}
    for match in sorted(set(matches), key=lambda match: (match[0].version, match[0], match[1] or 0)):
        by_version[match[0].version].append(match)
    for version, own in by_version.items():
        if own:
            entries = (
                PrefixEntry(5 * position, "permit", str(prefix), ge, le)
                for position, (prefix, ge, le) in enumerate(own, start=1)
            )
            yield PrefixList(KEYWORDS[version], name, tuple(entries))


def upstream(site: Site) -> Iterator[PrefixList]:
    """Yield the lists of what is accepted from an edge: the defaults and what the site names."""
    accepted = (prefix for edge in site.edges.values() for prefix in edge.accepts)
    return prefix_lists(names.UPSTREAM, map(exactly, (*names.DEFAULT_ROUTES, *accepted)))


def of_infrastructure(site: Site) -> Iterator[PrefixList]:
    """Yield the lists of what never leaves the fabric: its ranges and every edge's loopback."""
    loopbacks = (edge.loopback for edge in site.edges.values())
    hosts = (host_route(address) for pair in loopbacks for address in (pair.ipv4, pair.ipv6))
    ranges = [prefix for _, prefix in infrastructure(site)]
    outside = [route for route in hosts if not any(_holds(range_, route) for range_ in ranges)]
    return prefix_lists(names.INFRASTRUCTURE, map(inside, (*ranges, *outside)))


def subnets(site: Site, zones: tuple[str, ...]) -> Iterator[PrefixList]:
    """Yield the lists of the VNets' subnets in ``zones``.

    An entry's number is its VNet's VNI: a VNet that comes or goes changes no other's line.  That of a delegated prefix
    is larger than any VNI, and follows from the prefix.
    """
    found = [(vni(site, name), vnet.subnets) for name, vnet in site.vnets.items() if vnet.zone in zones]
    by_family: dict[IpKeyword, list[PrefixEntry]] = {"ip": [], "ipv6": []}
    for number, pair in sorted(found, key=lambda entry: entry[0]):
        for subnet in (pair.ipv4, pair.ipv6):
            if subnet is not None:
                by_family[KEYWORDS[subnet.prefix.version]].append(PrefixEntry(number, "permit", str(subnet.prefix)))
    here = (own for name, own in site.delegated.items() if site.vnets[name].zone in zones)
    delegated = (prefix for own in here for prefix in own.prefixes)
    entries = (PrefixEntry(_BEYOND_VNIS + _checksum(prefix) % _LEFT, "permit", str(prefix)) for prefix in delegated)
    by_family["ipv6"] += sorted(entries, key=lambda entry: entry.seq)
    return (PrefixList(family, names.SUBNETS, tuple(own)) for family, own in by_family.items() if own)


def loopbacks_of_tenant(site: Site, tenant: str) -> Iterator[PrefixList]:
    """Yield the lists of all host routes in a tenant's loopback ranges."""
    pools = site.tenants[tenant].loopbacks
    found = (pools.ipv4, pools.ipv6) if pools is not None else ()
    matches = (exactly(pool, pool.max_prefixlen) for pool in found if pool is not None)
    return prefix_lists(names.tenant_loopbacks(tenant), matches)


def services(cluster: str, guests: Iterable[AttachedGuest]) -> Iterator[PrefixList]:
    """Yield the lists of all host routes in a cluster's service ranges."""
    pools = {pool for guest in guests if guest.cluster == cluster for pool in guest.services}
    return prefix_lists(names.service_list(cluster), (exactly(pool, pool.max_prefixlen) for pool in pools))


def of_guest(guest: AttachedGuest) -> Iterator[PrefixList]:
    """Yield the lists of what a guest alone may announce: its host routes, and its pods at exactly their length."""
    yield from prefix_lists(names.guest_list(guest.name, "LO"), map(exactly, (*guest.loopbacks, *guest.extra)))
    pods = (*map(exactly, guest.pods), *(exactly(pool, length) for pool, length in guest.pod_pools))
    yield from prefix_lists(names.guest_list(guest.name, "PODS"), pods)


def of_open_vnet(vnet: str, policy: PeeringPlan) -> Iterator[PrefixList]:
    """Yield the lists of what undeclared guests of an open VNet may announce, and of what somebody has already.

    Args:
        vnet: Id of the VNet.
        policy: Its policy.
    """
    ranges = map(ip_network, policy.ranges)
    yield from _taken(names.open_list(vnet, "TAKEN"), map(ip_network, policy.taken))
    yield from prefix_lists(
        names.open_list(vnet, "OPEN"),
        (match for outer in ranges for match in _of_lengths(outer, *policy.lengths[0 if outer.version == 4 else 1])),
    )


def _taken(name: str, prefixes: Iterable[AnyNetwork]) -> Iterator[PrefixList]:
    """Yield the lists of some prefixes and all inside of them.

    An entry's number is a checksum of its prefix: a guest that comes or goes changes no other's line.  Two that are
    the same would be refused with the text.
    """
    by_family: dict[IpKeyword, list[PrefixEntry]] = {"ip": [], "ipv6": []}
    for prefix, ge, le in map(inside, prefixes):
        number = _checksum(prefix) or 1
        by_family[KEYWORDS[prefix.version]].append(PrefixEntry(number, "permit", str(prefix), ge, le))
    for family, entries in by_family.items():
        if entries:
            yield PrefixList(family, name, tuple(sorted(entries, key=lambda entry: entry.seq)))


_BEYOND_VNIS = 2**24
_LEFT = 2**32 - _BEYOND_VNIS
"""How many numbers FRR has beyond the VNIs."""


def _checksum(prefix: AnyNetwork) -> int:
    return crc32(str(prefix).encode())


def _of_lengths(prefix: AnyNetwork, shortest: int, longest: int) -> Iterator[Match]:
    """Yield the match of the prefixes in ``prefix`` of some lengths; none where all are wider than it."""
    if longest == prefix.prefixlen:
        yield prefix, None, None
    elif longest > prefix.prefixlen:
        yield prefix, shortest if shortest > prefix.prefixlen else None, longest


def host_route(address: IPv4Address | IPv6Address) -> AnyNetwork:
    """Return the /32 or /128 of an address."""
    return ip_network(address)


def _holds(outer: AnyNetwork, inner: AnyNetwork) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]

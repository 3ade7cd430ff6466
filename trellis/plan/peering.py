"""The policy for guests of each VNet, resolved: who is heard there, and what of its prefixes belongs to somebody.

Sessions (``trellis.plan.guest_sessions``), filters and whatever tells a guest why its route was refused
(``trellis.reach.reasons``) decide on this and on nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal

from trellis.plan.names import CLASSES
from trellis.site.model import Site
from trellis.site.resolved import AnyNetwork, AttachedGuest, peering_policy


@dataclass(frozen=True, slots=True)
class PeeringPlan:
    """The policy for guests of a VNet on which somebody is heard.

    Attributes:
        mode: ``bound``: declared guests alone; ``open``: also any other address of the VNet's IPv6 subnet.
        first_asn: With ``last_asn`` the inclusive range of ASNs of guests that are not declared.
        lengths: Shortest and longest prefix that a guest may announce beside its pods, for IPv4, then for IPv6.
        max_prefixes: Most prefixes per session and family of a guest that is not declared.
        penalty_min: Minutes that a guest over its limit stays cut off.
        bfd: Whether hosts speak BFD with guests that lose it fast.
        md5: Name of the secret that signs the sessions; None for unsigned ones.
        classes: Classes that a guest may ask for.
        ranges: Where prefixes of an undeclared guest must lie.
        taken: What of these ranges belongs to somebody: gateways and declared guests.
        owned_asns: ASNs of the range that declared guests have.
    """

    mode: Literal["bound", "open"]
    first_asn: int
    last_asn: int
    lengths: tuple[tuple[int, int], tuple[int, int]]
    max_prefixes: int
    penalty_min: int
    bfd: bool
    md5: str | None
    classes: tuple[int, ...]
    ranges: tuple[str, ...]
    taken: tuple[str, ...]
    owned_asns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """What the declared guests of a site have, in order, so that each VNet finds what lies in its ranges quickly.

    Attributes:
        asns: Their ASNs.
        prefixes: Their addresses and prefixes, by version.
    """

    asns: tuple[int, ...]
    prefixes: Mapping[int, tuple[AnyNetwork, ...]]

    @classmethod
    def of(cls, guests: Iterable[AttachedGuest]) -> Declared:
        """Return what ``guests`` have."""
        found: dict[int, set[AnyNetwork]] = {4: set(), 6: set()}
        asns = set()
        for guest in guests:
            asns.add(guest.asn)
            own = (ip_network(address) for address in (guest.ipv4, guest.ipv6) if address is not None)
            for prefix in (*own, *guest.loopbacks, *guest.extra):
                found[prefix.version].add(prefix)
        return cls(tuple(sorted(asns)), {version: tuple(sorted(held)) for version, held in found.items()})

    def owned_asns(self, first: int, last: int) -> tuple[int, ...]:
        """Return those of an inclusive range of ASNs."""
        return self.asns[bisect_left(self.asns, first) : bisect_right(self.asns, last)]

    def inside(self, outer: AnyNetwork) -> tuple[AnyNetwork, ...]:
        """Return the addresses and prefixes that lie in ``outer``."""
        held = self.prefixes[outer.version]
        first = bisect_left(held, int(outer.network_address), key=_start)
        last = bisect_right(held, int(outer.broadcast_address), key=_start)
        # A shorter prefix may begin where this one does.
        return tuple(prefix for prefix in held[first:last] if prefix.prefixlen >= outer.prefixlen)


def peering_plan(site: Site, vnet: str, declared: Declared) -> PeeringPlan | None:
    """Return the resolved policy of a VNet; None where nobody is heard.

    Args:
        site: A site that was accepted.
        vnet: Id of the VNet.
        declared: What the site's guests and nodes have.
    """
    policy = peering_policy(site, vnet)
    if not policy.enabled:
        return None
    lengths, is_open = policy.prefix_lengths, policy.mode == "open"
    ranges = tuple(_ranges(site, vnet)) if is_open else ()
    return PeeringPlan(
        mode=policy.mode,
        first_asn=policy.asns.first,
        last_asn=policy.asns.last,
        lengths=((lengths.ipv4.shortest, lengths.ipv4.longest), (lengths.ipv6.shortest, lengths.ipv6.longest)),
        max_prefixes=policy.max_prefixes,
        penalty_min=policy.penalty_min,
        bfd=policy.bfd,
        md5=policy.md5,
        classes=tuple(CLASSES[name] for name in sorted(policy.classes)),
        ranges=tuple(map(str, ranges)),
        taken=tuple(str(prefix) for prefix in _taken(site, vnet, declared, ranges)),
        owned_asns=declared.owned_asns(policy.asns.first, policy.asns.last) if is_open else (),
    )


def infrastructure_asns(site: Site) -> tuple[int, ...]:
    """Return the fabric's ASN and those of the edges, which no guest's path may hold."""
    return tuple(sorted({site.fabric.asn, *(edge.asn for edge in site.edges.values())}))


def _ranges(site: Site, vnet: str) -> Iterator[AnyNetwork]:
    """Yield the VNet's subnets and its tenant's loopbacks, IPv6 first."""
    subnets, pools = site.vnets[vnet].subnets, site.tenants[site.vnets[vnet].tenant].loopbacks
    yield subnets.ipv6.prefix
    if pools is not None:
        yield pools.ipv6
    if subnets.ipv4 is not None:
        yield subnets.ipv4.prefix
    if pools is not None and pools.ipv4 is not None:
        yield pools.ipv4


def _taken(site: Site, vnet: str, declared: Declared, ranges: Iterable[AnyNetwork]) -> Iterator[AnyNetwork]:
    subnets = site.vnets[vnet].subnets
    gateways: list[AnyNetwork] = [ip_network(subnet.gateway) for subnet in (subnets.ipv4, subnets.ipv6) if subnet]
    for outer in ranges:
        own = (gateway for gateway in gateways if gateway.version == outer.version and gateway.subnet_of(outer))  # type: ignore[arg-type]
        yield from sorted({*own, *declared.inside(outer)})


def _start(prefix: AnyNetwork) -> int:
    return int(prefix.network_address)

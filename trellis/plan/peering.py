"""The policy for guests of each VNet, resolved: who is heard there, and what of its prefixes belongs to somebody.

Sessions (``trellis.plan.guest_sessions``), filters and whatever tells a guest why its route was refused
(``trellis.reach.reasons``) decide on this and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def peering_plan(site: Site, vnet: str, guests: tuple[AttachedGuest, ...]) -> PeeringPlan | None:
    """Return the resolved policy of a VNet; None where nobody is heard.

    Args:
        site: A site that was accepted.
        vnet: Id of the VNet.
        guests: The site's guests and nodes, resolved.
    """
    policy = peering_policy(site, vnet)
    if not policy.enabled:
        return None
    lengths, is_open = policy.prefix_lengths, policy.mode == "open"
    ranges = tuple(_ranges(site, vnet)) if is_open else ()
    declared = {guest.asn for guest in guests}
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
        taken=tuple(str(prefix) for prefix in _taken(site, vnet, guests, ranges)),
        owned_asns=tuple(sorted(asn for asn in declared if is_open and policy.asns.first <= asn <= policy.asns.last)),
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


def _taken(
    site: Site, vnet: str, guests: tuple[AttachedGuest, ...], ranges: Iterable[AnyNetwork]
) -> Iterator[AnyNetwork]:
    subnets = site.vnets[vnet].subnets
    found: set[AnyNetwork] = {ip_network(subnet.gateway) for subnet in (subnets.ipv4, subnets.ipv6) if subnet}
    for guest in guests:
        found.update(ip_network(address) for address in (guest.ipv4, guest.ipv6) if address is not None)
        found.update((*guest.loopbacks, *guest.extra))
    for outer in ranges:
        inside = (prefix for prefix in found if prefix.version == outer.version and prefix.subnet_of(outer))  # type: ignore[arg-type]
        yield from sorted(inside)

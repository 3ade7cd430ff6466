"""Policies for sessions of guests make sense, and what is declared of each guest keeps to its policy."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.model import Site
from trellis.site.peering import GuestBgp
from trellis.site.refusal import Refusal
from trellis.site.resolved import AttachedGuest, peering_policy, policy_path


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each policy that means nothing, and each guest that does not keep to its own.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    infrastructure = {"fabric.asn": site.fabric.asn} | {f"edges.{n}.asn": edge.asn for n, edge in site.edges.items()}
    for path, policy in _policies(site):
        yield from _asns(path, policy, infrastructure)
        yield from _lengths(path, policy)
    for guest in guests:
        policy, path = peering_policy(site, guest.vnet), policy_path(site, guest.vnet)
        if not policy.enabled:
            yield Refusal(
                f"{guest.path}",
                f"tenant {guest.tenant}",
                "guests that speak BGP belong to a tenant with guest_bgp.enabled",
                "no host would listen to it (R8), and it would never get a default route",
                f"set {path}.enabled: true",
            )
        if guest.own_asn and not policy.asns.first <= guest.asn <= policy.asns.last:
            yield Refusal(
                f"{guest.path}.asn",
                str(guest.asn),
                f"an ASN that a guest names itself is in its tenant's range {policy.asns.first}-{policy.asns.last}",
                "outside it lie the ASNs of the infrastructure and of other tenants",
                f"leave it out (it is then derived), or widen {path}.asns",
            )
        if guest.cluster is None:
            yield from _limit(guest, path, policy.max_prefixes)


def _policies(site: Site) -> Iterator[tuple[str, GuestBgp]]:
    yield from ((f"tenants.{name}.guest_bgp", tenant.guest_bgp) for name, tenant in site.tenants.items())
    for name, vnet in site.vnets.items():
        if vnet.guest_bgp is not None:
            yield f"vnets.{name}.guest_bgp", vnet.guest_bgp


def _asns(path: str, policy: GuestBgp, infrastructure: dict[str, int]) -> Iterator[Refusal]:
    first, last = policy.asns.first, policy.asns.last
    if first > last:
        yield Refusal(
            f"{path}.asns",
            f"{first}-{last}",
            "a range of ASNs begins with its smallest",
            "no guest could name an ASN, and an open VNet would refuse everybody",
            "exchange `first` and `last`",
        )
    for owner, asn in infrastructure.items():
        if first <= asn <= last:
            yield Refusal(
                f"{path}.asns",
                f"{first}-{last}",
                f"no range of guests holds an ASN of the infrastructure; {asn} is {owner}",
                "a guest could speak as a router of the fabric, and others would drop its routes as loops",
                "choose a range beside it; 65200-65299 is the default",
            )


def _lengths(path: str, policy: GuestBgp) -> Iterator[Refusal]:
    lengths = policy.prefix_lengths
    for family, found in (("ipv4", lengths.ipv4), ("ipv6", lengths.ipv6)):
        if found.shortest > found.longest:
            yield Refusal(
                f"{path}.prefix_lengths.{family}",
                f"{found.shortest}-{found.longest}",
                "a range of prefix lengths begins with its shortest",
                "FRR takes a le below a ge with status 0, and drops other entries",
                "exchange `shortest` and `longest`",
            )


def _limit(guest: AttachedGuest, path: str, allowed: int) -> Iterator[Refusal]:
    for version in (4, 6):
        own = sum(1 for prefix in (*guest.loopbacks, *guest.extra) if prefix.version == version)
        if own > allowed:
            yield Refusal(
                f"{path}.max_prefixes",
                str(allowed),
                f"the limit holds what each guest is bound to announce: {guest.name} has {own} of IPv{version}",
                "the guest would be cut off for announcing what it may",
                f"raise it to {own}, or let {guest.name} announce less",
            )

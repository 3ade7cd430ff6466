"""Leaks and services let pass what they say, and nothing that nobody would expect of them (R12).

That their names point at zones and VNets is judged by ``references``, that no list says a thing twice by ``lists``,
and that no two zones hold the same addresses by ``ranges``.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.checks.numbers import collisions
from trellis.site.model import Leak, Service, Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AnyNetwork, AttachedGuest
from trellis.site.territory import part_of, protected, within, zone_prefixes

_BGP_PORT = 179


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each leak or service that means nothing, or too much.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    if not site.leaks and not site.firewall:
        return  # the territories of all zones are the dearest part of the checks, and nobody would ask for them
    territories = {zone: zone_prefixes(site, zone, guests) for zone in sorted(site.zones)}
    for name, leak in site.leaks.items():
        yield from _leak(name, leak, territories)
    yield from collisions(
        (
            (f"leaks.{name}.between", " and ".join(sorted(leak.between)))
            for name, leak in site.leaks.items()
            if len(leak.between) == 2
        ),
        "pair of zones",
        "two leaks between them would add up: what one leaves out, the other lets pass",
        "make it one leak, with the prefixes of both",
    )
    infrastructure = protected(site)
    for name, service in site.firewall.items():
        yield from _service(name, service)
        for position, prefix in enumerate(service.to):
            yield from _destination(f"firewall.{name}.to.{position}", prefix, territories, infrastructure)


def _leak(name: str, leak: Leak, territories: dict[str, tuple[AnyNetwork, ...]]) -> Iterator[Refusal]:
    zones = set(leak.between)
    if len(leak.between) != 2 or len(zones) != 2:
        yield Refusal(
            f"leaks.{name}.between",
            ", ".join(leak.between) or "nothing",
            "a leak is between two zones",
            "within a zone all is open anyway, and of three nobody could tell which two are meant",
            "name two different zones; for three, declare a leak for each pair",
        )
        return
    parts = {zone: part_of(leak.prefixes, territories[zone]) for zone in sorted(zones)}
    outside = [prefix for prefix in leak.prefixes if not any(part_of((prefix,), territories[zone]) for zone in zones)]
    for prefix in outside:
        own = "; ".join(f"{zone} has {_listed(territories[zone], prefix)}" for zone in sorted(zones))
        yield Refusal(
            f"leaks.{name}.prefixes.{leak.prefixes.index(prefix)}",
            str(prefix),
            f"what a leak names lies within a range of one of its two zones: {own}",
            "a wider or foreign prefix would open what belongs to neither, or open nothing",
            "name a range of one of the two, or a part of it",
        )
    versions = [{prefix.version for prefix in parts[zone] or territories[zone]} for zone in sorted(zones)]
    if not outside and not set.intersection(*versions):
        yield Refusal(
            f"leaks.{name}",
            ", ".join(map(str, leak.prefixes)) or " and ".join(sorted(zones)),
            "the two zones of a leak take part with a common address family",
            "nothing could pass, and somebody may think that it does",
            "name prefixes of both zones in one family, or remove the leak",
        )


def _service(name: str, service: Service) -> Iterator[Refusal]:
    if not service.vnets:
        yield Refusal(
            f"firewall.{name}.vnets",
            "none",
            "a service names the VNets whose guests may reach it",
            "nobody could, and somebody may think that they can",
            "name one VNet or more, or remove the entry",
        )
    if not service.ports:
        yield Refusal(
            f"firewall.{name}.ports",
            "none",
            "a service names its ports",
            "without ports it would be either all of them or none, and nobody could tell which",
            "name each port, 1-65535",
        )
    if service.protocol == "tcp" and not service.to and _BGP_PORT in service.ports:
        yield Refusal(
            f"firewall.{name}.ports",
            str(_BGP_PORT),
            "BGP on a host is opened by guest_bgp alone (R8)",
            "guests of a tenant without guest peering could reach the daemon that all others depend on",
            "leave out 179, and set guest_bgp.enabled for the tenant if its guests shall speak BGP",
        )


def _destination(
    path: str,
    prefix: AnyNetwork,
    territories: dict[str, tuple[AnyNetwork, ...]],
    infrastructure: tuple[AnyNetwork, ...],
) -> Iterator[Refusal]:
    held = [
        (zone, own)
        for zone, territory in territories.items()
        for own in territory
        if within(own, prefix) or within(prefix, own)
    ]
    if held:
        yield Refusal(
            path,
            str(prefix),
            f"a service is the infrastructure's: zone {held[0][0]} has {held[0][1]}",
            "it would open a way between zones that no leak declares",
            "name the service's own addresses; to let two zones reach each other, declare a leak",
        )
    elif not any(within(prefix, own) for own in infrastructure):
        yield Refusal(
            path,
            str(prefix),
            f"a service lies within the infrastructure: {_listed(infrastructure, prefix)}",
            "guests reach all else without an entry, and a wider prefix would say more than is known to be there",
            "name addresses of the infrastructure, or leave out `to` for the host itself",
        )


def _listed(prefixes: tuple[AnyNetwork, ...], like: AnyNetwork) -> str:
    return ", ".join(str(prefix) for prefix in prefixes if prefix.version == like.version) or "none"

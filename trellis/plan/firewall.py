"""What may pass between zones, and from guests to the infrastructure: the site's leaks and services, resolved (R12).

Everything here is by address, since that is what a stateless filter sees.  How a host or an edge filters by it stands
in ``trellis.render.firewall``; whether an entry makes sense is judged in ``trellis.site.checks.isolation``.
"""

from __future__ import annotations

from collections.abc import Iterable

from trellis.plan.firewall_model import AllowedService, FirewallPlan, LeakPlan, ZonePrefixes
from trellis.site.model import Leak, Service, Site
from trellis.site.resolved import AnyNetwork, AttachedGuest
from trellis.site.territory import collapsed, part_of, protected, vnet_prefixes, zone_prefixes


def firewall(site: Site, guests: tuple[AttachedGuest, ...]) -> FirewallPlan:
    """Return what separates the zones of ``site``, and what it declares to pass nevertheless.

    Args:
        site: A site that was accepted.
        guests: Its guests and nodes, resolved.
    """
    of_zone = {zone: zone_prefixes(site, zone, guests) for zone in sorted(site.zones)}
    return FirewallPlan(
        zones=tuple(ZonePrefixes(zone, _texts(prefixes)) for zone, prefixes in of_zone.items()),
        leaks=tuple(_leak(name, leak, of_zone) for name, leak in sorted(site.leaks.items())),
        services=tuple(_service(site, name, service, guests) for name, service in sorted(site.firewall.items())),
        infrastructure=_texts(protected(site)),
    )


def _leak(name: str, leak: Leak, of_zone: dict[str, tuple[AnyNetwork, ...]]) -> LeakPlan:
    first, second = sorted(leak.between)
    one, other = (_texts(part_of(leak.prefixes, of_zone[zone]) or of_zone[zone]) for zone in (first, second))
    return LeakPlan(name, (first, second), (one, other))


def _service(site: Site, name: str, service: Service, guests: tuple[AttachedGuest, ...]) -> AllowedService:
    return AllowedService(
        name=name,
        vnets=tuple(sorted(service.vnets)),
        protocol=service.protocol,
        ports=tuple(sorted(service.ports)),
        to=_texts(collapsed(service.to)),
        sources=_texts(vnet_prefixes(site, service.vnets, guests)),
    )


def _texts(prefixes: Iterable[AnyNetwork]) -> tuple[str, ...]:
    return tuple(map(str, prefixes))

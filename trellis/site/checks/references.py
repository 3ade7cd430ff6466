"""Every name in a site that points at another entry points at one that exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.site.model import Attachment, Site
from trellis.site.refusal import Refusal


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each name that points at nothing.

    Args:
        site: A site of the right shape.
    """
    speakers = site.hosts.keys() | site.edges.keys()
    for name, link in site.links.items():
        for end in link.ends:
            yield from _points(f"links.{name}.ends.{end}", end, "host or edge", speakers)
    for position, name in enumerate(site.fabric.route_reflectors):
        yield from _points(f"fabric.route_reflectors.{position}", name, "host", site.hosts)
    if site.rollout.canary is not None:
        yield from _points("rollout.canary", site.rollout.canary, "host", site.hosts)
    for zone_id, zone in site.zones.items():
        for position, name in enumerate(zone.nodes):
            yield from _points(f"zones.{zone_id}.nodes.{position}", name, "host", site.hosts)
    yield from _of_vnets(site)
    yield from _of_guests(site)
    yield from _of_exceptions(site)


def _of_vnets(site: Site) -> Iterator[Refusal]:
    for vnet_id, vnet in site.vnets.items():
        yield from _points(f"vnets.{vnet_id}.zone", vnet.zone, "zone", site.zones)
        yield from _points(f"vnets.{vnet_id}.tenant", vnet.tenant, "tenant", site.tenants)
        if vnet.delegation is not None and vnet.delegation.edge is not None:
            yield from _points(f"vnets.{vnet_id}.delegation.edge", vnet.delegation.edge, "edge", site.edges)
    for vnet_id in site.delegated:
        yield from _points(f"delegated.{vnet_id}", vnet_id, "VNet", site.vnets)
    for name, edge in site.edges.items():
        for vnet_id in edge.routeros.replaces if edge.routeros is not None else ():
            yield from _points(f"edges.{name}.routeros.replaces.{vnet_id}", vnet_id, "VNet", site.vnets)


def _of_guests(site: Site) -> Iterator[Refusal]:
    for name, guest in site.guests.items():
        yield from _points(f"guests.{name}.vnet", guest.vnet, "VNet", site.vnets)
        yield from _hosts(site, f"guests.{name}", guest)
    for name, cluster in site.clusters.items():
        yield from _points(f"clusters.{name}.vnet", cluster.vnet, "VNet", site.vnets)
        for node_name, node in cluster.nodes.items():
            yield from _hosts(site, f"clusters.{name}.nodes.{node_name}", node)


def _of_exceptions(site: Site) -> Iterator[Refusal]:
    for name, leak in site.leaks.items():
        for position, zone_id in enumerate(leak.between):
            yield from _points(f"leaks.{name}.between.{position}", zone_id, "zone", site.zones)
    for name, service in site.firewall.items():
        for position, vnet_id in enumerate(service.vnets):
            yield from _points(f"firewall.{name}.vnets.{position}", vnet_id, "VNet", site.vnets)


def _hosts(site: Site, path: str, entry: Attachment) -> Iterator[Refusal]:
    yield from _points(f"{path}.host", entry.host, "host", site.hosts)
    for position, name in enumerate(entry.placement):
        yield from _points(f"{path}.placement.{position}", name, "host", site.hosts)


def _points(path: str, name: str, noun: str, existing: Iterable[str]) -> Iterator[Refusal]:
    known = set(existing)
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        yield Refusal(
            path,
            name,
            f"this is the name of {'an' if noun == 'edge' else 'a'} {noun} of the site",
            "what it should configure would silently not exist",
            f"name one of: {listed}; or add it",
        )

"""Every entry of a list stands there once."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.model import Site
from trellis.site.refusal import Refusal


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each entry of a list that an earlier one of the same list equals.

    Args:
        site: A site of the right shape.
    """
    for path, entries in _lists(site):
        if len(set(entries)) < len(entries):
            for position, entry in enumerate(entries):
                if entry in entries[:position]:
                    yield Refusal(
                        f"{path}.{position}",
                        str(entry),
                        f"each entry of a list stands once; {path}.{entries.index(entry)} is the same",
                        "filters are numbered by their entries, and one of the two was meant to say something else",
                        "remove it, or correct it",
                    )


def _lists(site: Site) -> Iterator[tuple[str, tuple[object, ...]]]:
    yield "fabric.infrastructure", site.fabric.infrastructure
    yield "fabric.route_reflectors", site.fabric.route_reflectors
    yield from _of_edges(site)
    for name, zone in site.zones.items():
        yield f"zones.{name}.nodes", zone.nodes
    for name, tenant in site.tenants.items():
        yield f"tenants.{name}.guest_bgp.classes", tenant.guest_bgp.classes
    for name, vnet in site.vnets.items():
        yield f"vnets.{name}.guest_bgp.classes", vnet.guest_bgp.classes if vnet.guest_bgp is not None else ()
    for name, guest in site.guests.items():
        yield f"guests.{name}.placement", guest.placement
        yield f"guests.{name}.announces", guest.announces
    for name, cluster in site.clusters.items():
        for node_name, node in cluster.nodes.items():
            yield f"clusters.{name}.nodes.{node_name}.placement", node.placement
    for name, leak in site.leaks.items():
        yield f"leaks.{name}.prefixes", leak.prefixes
    for name, service in site.firewall.items():
        yield f"firewall.{name}.vnets", service.vnets
        yield f"firewall.{name}.ports", service.ports
        yield f"firewall.{name}.to", service.to


def _of_edges(site: Site) -> Iterator[tuple[str, tuple[object, ...]]]:
    for name, edge in site.edges.items():
        yield f"edges.{name}.accepts", edge.accepts
        if edge.routeros is not None:
            yield f"edges.{name}.routeros.delegations", edge.routeros.delegations

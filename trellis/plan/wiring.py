"""Zones and links as the plan holds them: what carries packets between hosts, and how large they may be.

Which interfaces run OSPF, and how, stands in ``trellis.plan.underlay``; this is for whoever follows a packet or draws
the fabric.
"""

from __future__ import annotations

from trellis import allocate
from trellis.plan import names
from trellis.plan.model import LinkEndPlan, LinkPlan, ZonePlan
from trellis.plan.sessions import vtep_family
from trellis.site.model import Link, Site
from trellis.site.resolved import zone_nodes


def zones(site: Site) -> tuple[ZonePlan, ...]:
    """Return the zones of ``site`` by name."""
    family = vtep_family(site)
    return tuple(
        ZonePlan(name, names.vrf_name(name), allocate.l3vni(zone.id), zone.mtu, family, zone_nodes(site, name))
        for name, zone in sorted(site.zones.items())
    )


def links(site: Site) -> tuple[LinkPlan, ...]:
    """Return the links of ``site`` by name."""
    return tuple(_link(name, link) for name, link in sorted(site.links.items()))


def _link(name: str, link: Link) -> LinkPlan:
    ends = (
        LinkEndPlan(node, end.interface, str(end.ipv4) if end.ipv4 else None, str(end.ipv6) if end.ipv6 else None)
        for node, end in sorted(link.ends.items())
    )
    return LinkPlan(name, link.kind, link.cost, link.mtu, tuple(ends))

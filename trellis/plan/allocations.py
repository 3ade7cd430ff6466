"""Every number and address that a plan gives or takes, as tables: who has which ASN, VNI, RD, RT, address, prefix.

A table is the same for a terminal, for a page and for a program; how it is shown is the reader's (``trellis.cli``).
How numbers follow from ids stands in ``trellis.allocate``, whether two collide in ``trellis.site.checks``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trellis.plan.model import GuestPlan, Plan

Cell = str | tuple[str, ...] | None
"""A text, several of one kind, or nothing."""
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Allocation:
    """A table of numbers.

    Attributes:
        name: What programs call it.
        title: What people call it.
        note: How these numbers come about.
        columns: Name of each column.
        rows: Stably ordered, each with a cell per column.
    """

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def allocations(plan: Plan) -> tuple[Allocation, ...]:
    """Return all tables of a plan that have a row.

    Args:
        plan: A site's plan.
    """
    tables = (_hosts(plan), _edges(plan), _links(plan), _vrfs(plan), _vnets(plan), _subnets(plan))
    return tuple(table for table in (*tables, _guests(plan), _announced(plan)) if table.rows)


def _hosts(plan: Plan) -> Allocation:
    return Allocation(
        "hosts",
        "Hosts",
        "All have the fabric's ASN. The loopbacks are the host's id in the fabric's ranges. The IPv4 one is the "
        "router id, and the source of VXLAN where the zone's `vtep` is ipv4.",
        ("host", "ASN", "router id", "IPv6 loopback"),
        tuple((host.name, str(plan.asn), host.ipv4, host.ipv6) for host in plan.hosts),
    )


def _edges(plan: Plan) -> Allocation:
    return Allocation(
        "edges",
        "Edges",
        "The site names them.",
        ("edge", "ASN", "IPv4 loopback", "IPv6 loopback"),
        tuple((edge.name, str(edge.asn), edge.ipv4, edge.ipv6) for edge in plan.edges),
    )


def _links(plan: Plan) -> Allocation:
    return Allocation(
        "links",
        "Links",
        "The hosts' own addresses, which the site names; MTU in bytes.",
        ("link", "end", "interface", "IPv4", "IPv6", "cost", "MTU"),
        tuple(
            (link.name, end.node, end.interface, end.ipv4, end.ipv6, str(link.cost), str(link.mtu))
            for link in plan.links
            for end in link.ends
        ),
    )


def _vrfs(plan: Plan) -> Allocation:
    return Allocation(
        "vrfs",
        "Zones: VRFs, L3VNIs, route distinguishers and targets",
        "The L3VNI is 4095 and the zone's id. FRR makes the route target of the low 16 bits of the ASN and the VNI. A "
        "route distinguisher is the host's router id and a number that FRR counts itself, shown as `*`.",
        ("zone", "VRF", "host", "L3VNI", "RD", "RT"),
        tuple(
            (vrf.zone, vrf.name, host.name, str(vrf.l3vni), vrf.route_distinguisher, vrf.route_target)
            for zone in plan.zones
            for host in plan.hosts
            for vrf in host.vrfs
            if vrf.zone == zone.name
        ),
    )


def _vnets(plan: Plan) -> Allocation:
    return Allocation(
        "vnets",
        "VNets: VNIs and route targets",
        "The VNI is 10000 and the tenant's id, unless the VNet names one.",
        ("VNet", "zone", "tenant", "VNI", "RT"),
        tuple((vnet.name, vnet.zone, vnet.tenant, str(vnet.vni), vnet.route_target) for vnet in plan.vnets),
    )


def _subnets(plan: Plan) -> Allocation:
    rows: list[Row] = []
    for vnet in plan.vnets:
        own = zip(vnet.subnets, vnet.gateways, strict=True)
        rows += [(vnet.name, prefix, gateway, "the site's") for prefix, gateway in own]
        rows += [(vnet.name, found.prefix, found.gateway, f"delegated, {found.state}") for found in vnet.delegated]
    return Allocation(
        "subnets",
        "Subnets, gateways and delegated prefixes",
        "Each gateway is on every host of the zone. Delegated prefixes stand in the prefix file.",
        ("VNet", "subnet", "gateway", "whose"),
        tuple(rows),
    )


def _guests(plan: Plan) -> Allocation:
    return Allocation(
        "guests",
        "Guests: ASNs and addresses",
        "A cluster node's ASN is 4210000000 + cluster id x 1000 + suffix, another guest's 4200000000 + tenant id x "
        "1000 + suffix, unless it names its own. Addresses end in the suffix. What several have in turn is shared.",
        ("guest", "VNet", "starts on", "ASN", "ASN is", "router id", "IPv4", "IPv6", "global IPv6", "shared"),
        tuple(_guest(planned) for planned in plan.guests),
    )


def _guest(planned: GuestPlan) -> Row:
    guest = planned.guest
    return (
        guest.name,
        guest.vnet,
        guest.host,
        str(guest.asn),
        "named" if guest.own_asn else "derived",
        str(guest.router_id),
        None if guest.ipv4 is None else str(guest.ipv4),
        str(guest.ipv6),
        "by SLAAC" if guest.slaac else _texts(guest.global_ipv6),
        _texts(guest.shared),
    )


def _announced(plan: Plan) -> Allocation:
    return Allocation(
        "announced",
        "Guests: what each may announce",
        "Loopbacks and pods are its own; of service ranges it announces host routes; nobody else's are accepted.",
        ("guest", "loopbacks", "pods", "services", "further"),
        tuple(
            (
                guest.name,
                _texts(guest.loopbacks),
                (*_texts(guest.pods), *(f"a /{length} of {pool}" for pool, length in guest.pod_pools)),
                _texts(guest.services),
                _texts(guest.extra),
            )
            for guest in (planned.guest for planned in plan.guests)
        ),
    )


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(map(str, values))

"""What the cards and labels of a picture say, as rows of text: nothing here knows where they are drawn."""

from __future__ import annotations

from trellis.picture.fabric import Cell, Fabric, VnetBand, ZoneBand
from trellis.plan.delegated import DelegatedSubnet
from trellis.plan.firewall_model import LeakPlan
from trellis.plan.model import EdgePlan, HostPlan
from trellis.site.resolved import AnyNetwork, AttachedGuest

Rows = list[tuple[str, ...]]


def host_rows(fabric: Fabric, host: HostPlan) -> Rows:
    """Return what a host's card says below its name."""
    mesh, edges, guests = fabric.sessions.of_host(host.name)
    return [
        (version(host),),
        ("loopback", host.ipv4, host.ipv6),
        *fabric.ports[host.name],
        (f"BGP: {mesh} to hosts, {edges} to edges, {guests} to guests",),
    ]


def host_tip(fabric: Fabric, host: HostPlan) -> str:
    """Return what is said of a host whose card has no room for it."""
    return "\n".join(" ".join(part for part in row if part) for row in ((host.name,), *host_rows(fabric, host)))


def version(host: HostPlan) -> str:
    """Return what runs on a host."""
    return (
        f"Proxmox VE {host.pve_version}, FRR {host.frr_version}"
        if host.pve_version
        else f"plain router, FRR {host.frr_version}"
    )


def short_version(host: HostPlan) -> str:
    """Return what runs on a host, in few letters."""
    return f"PVE {host.pve_version} FRR {host.frr_version}" if host.pve_version else f"FRR {host.frr_version}"


def edge_rows(fabric: Fabric, edge: EdgePlan) -> Rows:
    """Return what an edge's card says below its name."""
    kind = "RouterOS" if edge.kind == "routeros" else "FRR"
    return [
        (f"{kind}, AS {edge.asn}",),
        ("loopback", edge.ipv4, edge.ipv6),
        *fabric.ports[edge.name],
        (f"brings {', '.join(('default', *edge.accepts))}",),
    ]


def guest_rows(guest: AttachedGuest, anywhere: bool, *, brief: bool) -> Rows:
    """Return what a guest's chip says below its name.

    Args:
        guest: The guest.
        anywhere: Whether it may run on every host of its zone.
        brief: Whether to leave out what it announces.
    """
    speaks = "BFD" if guest.resilience == "fast_failure" else "graceful restart"
    rows: Rows = [(f"AS {guest.asn}, {guest.speaker}, {speaks}",)]
    ipv4 = str(guest.ipv4) if guest.ipv4 else ""
    announced = (("loop", guest.loopbacks), ("pods", guest.pods), ("svc", guest.services), ("own", guest.extra))
    rows.append(("addr", ipv4, str(guest.ipv6)))
    if brief:
        return rows
    rows += [row for what, prefixes in announced for row in _by_family(what, prefixes)]
    rows += [(f"pods any /{length} of {pool}",) for pool, length in guest.pod_pools]
    return rows if anywhere else [*rows, (f"may run on {', '.join(guest.placement)}",)]


def guest_role(guest: AttachedGuest) -> str:
    """Return what a guest is in its cluster; nothing for one that is in none."""
    if guest.cluster is None:
        return ""
    return f"{guest.cluster} {'control' if guest.role == 'controlplane' else 'worker'}"


def _by_family(what: str, prefixes: tuple[AnyNetwork, ...]) -> Rows:
    """Return prefixes in rows of IPv4 and IPv6."""
    four = [str(prefix) for prefix in prefixes if prefix.version == 4]
    six = [str(prefix) for prefix in prefixes if prefix.version == 6]
    return [
        (what if index == 0 else "", (four[index : index + 1] or [""])[0], (six[index : index + 1] or [""])[0])
        for index in range(max(len(four), len(six)))
    ]


def vnet_rows(band: VnetBand, *, dense: bool) -> Rows:
    """Return what a VNet's label says below (or in a dense picture beside) its name."""
    vnet = band.vnet
    silent = () if vnet.listens else (("no BGP with guests",),)
    allows = tuple((f"may use {line}",) for line in band.allows)
    told = ((f"advertised by {vnet.advertisement.sender}",),) if vnet.advertisement is not None else ()
    if dense:
        delegated = ((f"{subnet.prefix} {_standing(subnet)}",) for subnet in vnet.delegated)
        return [(" ".join(reversed(vnet.subnets)),), *delegated, *told, *silent, *allows]
    alias = f"{vnet.tenant}: {band.alias}" if band.alias else vnet.tenant
    subnets = zip(reversed(vnet.subnets), reversed(vnet.gateways), strict=True)
    return [
        (alias,),
        (f"VNI {vnet.vni}, RT {vnet.route_target}",),
        *((prefix, f"gw {gateway}") for prefix, gateway in subnets),
        *((subnet.prefix, f"gw {subnet.gateway}, {_standing(subnet)}") for subnet in vnet.delegated),
        *told,
        *silent,
        *allows,
    ]


def _standing(subnet: DelegatedSubnet) -> str:
    """Return what tells a delegated subnet from the VNet's own, and one that guests leave from the one they use."""
    return "deprecated" if subnet.deprecated else "delegated"


def leak_line(leak: LeakPlan) -> str:
    """Return a leak in words; a long list of prefixes is cut."""
    parts = [f"{zone} {_some(prefixes)}" for zone, prefixes in zip(leak.zones, leak.prefixes, strict=True)]
    return f"leak {leak.name}: {' <-> '.join(parts)}"


def leaks_of(fabric: Fabric, zone: ZoneBand) -> list[LeakPlan]:
    """Return the leaks that a zone takes part in."""
    return [leak for leak in fabric.leaks if zone.name in leak.zones]


def _some(prefixes: tuple[str, ...], most: int = 3) -> str:
    rest = len(prefixes) - most
    return f"({', '.join(prefixes[:most])}{f' and {rest} more' if rest > 0 else ''})"


def cell_tip(band: VnetBand, cell: Cell) -> str:
    """Return what is said of a VNet on a host."""
    lines = [f"{band.vnet.name} on {cell.host}"]
    lines += [f"{guest.name}, AS {guest.asn}, {guest.ipv6}" for guest in cell.at_home[:20]]
    if len(cell.at_home) > 20:
        lines.append(f"and {len(cell.at_home) - 20} more guests")
    if cell.may_come:
        names = ", ".join(guest.name for guest in cell.may_come[:20])
        rest = f" and {len(cell.may_come) - 20} more" if len(cell.may_come) > 20 else ""
        lines.append(f"listens for {names}{rest}, which may move here")
    return "\n".join(lines)


def summary(fabric: Fabric) -> list[str]:
    """Return the two lines below the title."""
    vnets = sum(len(zone.vnets) for zone in fabric.zones)
    sessions = fabric.sessions
    return [
        f"AS {fabric.asn}: {_n(len(fabric.hosts), 'host')}, {_n(len(fabric.edges), 'edge')}, "
        f"{_n(len(fabric.zones), 'zone')}, {_n(vnets, 'VNet')}, {_n(fabric.guests, 'guest')}",
        f"BGP sessions: {len(sessions.mesh)} between hosts, {len(sessions.edges)} with edges, "
        f"{len(sessions.guests)} with guests (one on each host that a guest may run on)",
    ]


def _n(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""What follows from a plan alone for a fabric at work: every link, session, VNI, default, way and guest of it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

from trellis.plan import Plan
from trellis.plan.model import HostPlan, LinkEndPlan
from trellis.plan.names import VTEP_GROUP
from trellis.plan.rules.speakers import active, neighbours
from trellis.reach.assertions.model import (
    Adjacency,
    DefaultRoute,
    Expected,
    GuestSession,
    HostExpected,
    Ping,
    RouterSession,
    Vni,
    Way,
)
from trellis.reach.control import has_session
from trellis.reach.fabric import OVERHEAD_BYTES, VERSIONS, Fabric, Version, address_of
from trellis.reach.routes import vrf_family
from trellis.reach.underlay import Underlay

SCHEMA_VERSION = 1
"""Of what a host is told to ping."""


def expected(plan: Plan) -> Expected:
    """Return all that must hold of a fabric that a plan is deployed on.

    Args:
        plan: The plan.
    """
    fabric = Fabric(plan)
    underlay = Underlay(fabric)
    hosts = {
        host.name: HostExpected(
            adjacencies=tuple(_adjacencies(fabric, host.name)),
            ways=tuple(ways(fabric, underlay, host.name)),
            sessions=tuple(_sessions(fabric, host)),
            defaults=tuple(_defaults(fabric, host)),
            vnis=tuple(_vnis(fabric, host)),
            pings=(*_on_links(fabric, host.name), *_between_vteps(fabric, host.name)),
        )
        for host in plan.hosts
    }
    return Expected(hosts, tuple(fabric.edges), tuple(_guests(fabric)))


def pings_of(host: HostExpected) -> dict[str, Any]:
    """Return what a host is told to ping, as its agent reads it.

    Args:
        host: What is expected of it.
    """
    pings = [{"source": ping.source, "target": ping.target, "size": ping.size} for ping in host.pings]
    return {"schema_version": SCHEMA_VERSION, "pings": pings}


def ways(fabric: Fabric, underlay: Underlay, host: str) -> Iterator[Way]:
    """Yield how a host reaches each other router's loopbacks, by the shortest paths.

    Args:
        fabric: The fabric, with what is down.
        underlay: Its shortest paths.
        host: The host.
    """
    for node in (*fabric.hosts, *fabric.edges):
        cost = underlay.cost(host, node)
        if node == host or cost is None:
            continue
        steps = underlay.next_steps(host, node)
        links = sorted({(_end(step.link.ends, host).interface, step.link.name) for step in steps})
        for version in VERSIONS:
            loopback = fabric.loopback(node, version)
            yield Way(node, f"{loopback}/{loopback.max_prefixlen}", version, tuple(links), cost)


def _adjacencies(fabric: Fabric, host: str) -> Iterator[Adjacency]:
    for name, link in sorted(fabric.links.items()):
        ends = [end.node for end in link.ends]
        if host in ends:
            others = tuple((str(fabric.loopback(node, 4)), node) for node in ends if node != host)
            for version in VERSIONS:
                yield Adjacency(name, _end(link.ends, host).interface, version, others)


def _sessions(fabric: Fabric, host: HostPlan) -> Iterator[RouterSession]:
    instance = host.bgp[0]
    families: dict[str, list[str]] = {}
    for family in instance.families:
        for found in active(instance, family):
            families.setdefault(found.session.name, []).append(family.name)
    for session in neighbours(instance):
        owner = fabric.routers_by_address.get(address_of(session.name))
        if owner is None:
            continue
        carried = set(families.get(session.name, ()))
        # Where Proxmox writes the EVPN family it is Proxmox that activates its group there.
        carried |= {"l2vpn evpn"} if session.group == VTEP_GROUP else set()
        address = address_of(session.name)
        version: Version = 4 if address.version == 4 else 6
        yield RouterSession(owner[0], owner[0] in fabric.edges, str(address), version, tuple(sorted(carried)))


def _defaults(fabric: Fabric, host: HostPlan) -> Iterator[DefaultRoute]:
    """Yield each table's default, where the host has a session with an edge of its own (R6)."""
    spoken_with = {session.node: session for session in _sessions(fabric, host) if session.is_edge}
    for version in VERSIONS if spoken_with else ():
        edges = tuple((str(fabric.loopback(edge, version)), edge) for edge in sorted(spoken_with))
        yield DefaultRoute(None, version, edges)
        for vrf in host.vrfs:
            family = vrf_family(fabric, host, vrf.zone, version)
            if family is not None and family.import_vrfs:
                yield DefaultRoute(vrf.name, version, edges)


def _vnis(fabric: Fabric, host: HostPlan) -> Iterator[Vni]:
    for vrf in host.vrfs:
        zone = fabric.zones[vrf.zone]
        version: Version = 4 if zone.vtep == "ipv4" else 6
        vtep = str(fabric.loopback(host.name, version))
        others = tuple((str(fabric.loopback(name, version)), name) for name in zone.hosts if name != host.name)
        rd = vrf.route_distinguisher.removesuffix("*")
        yield Vni(vrf.l3vni, "L3", zone.name, vrf.name, vtep, (), vrf.route_target, rd)
        for vnet in fabric.vnets_of(zone.name):
            # An automatic distinguisher begins with the router id, which is the IPv4 loopback.
            yield Vni(vnet.vni, "L2", vnet.name, vrf.name, vtep, others, vnet.route_target, f"{host.ipv4}:")


def _on_links(fabric: Fabric, host: str) -> Iterator[Ping]:
    """Yield a packet of the link's whole MTU to each other end of each link of a host."""
    for name, link in sorted(fabric.links.items()):
        if all(end.node != host for end in link.ends):
            continue
        own = _end(link.ends, host)
        for end in link.ends:
            for source, target in ((own.ipv4, end.ipv4), (own.ipv6, end.ipv6)) if end.node != host else ():
                if source is not None and target is not None:
                    ends = str(ip_interface(source).ip), str(ip_interface(target).ip)
                    yield Ping(end.node, name, *ends, link.mtu)


def _between_vteps(fabric: Fabric, host: str) -> Iterator[Ping]:
    """Yield a packet as large as VXLAN makes them to each host of a host's zones.

    Loopbacks of the other family have no VXLAN, and cross the same links: they must carry as much.
    """
    largest: dict[str, int] = {}
    for zone in fabric.zones.values():
        for other in zone.hosts if host in zone.hosts else ():
            largest[other] = max(largest.get(other, 0), zone.mtu + OVERHEAD_BYTES[zone.vtep])
    for other, size in largest.items():
        for version in VERSIONS if other != host else ():
            ends = str(fabric.loopback(host, version)), str(fabric.loopback(other, version))
            yield Ping(other, None, *ends, size)


def _guests(fabric: Fabric) -> Iterator[GuestSession]:
    for planned in fabric.plan.guests:
        guest = planned.guest
        address = str(guest.ipv6)
        hosts = tuple(host for host in planned.hosts if has_session(fabric, host, guest.zone, address))
        if hosts:
            loopbacks = tuple(map(str, guest.loopbacks))
            vrf = fabric.zones[guest.zone].vrf
            yield GuestSession(guest.name, vrf, address, guest.host, hosts, loopbacks, planned.limits)


def _end(ends: tuple[LinkEndPlan, ...], node: str) -> LinkEndPlan:
    return next(end for end in ends if end.node == node)

"""Follows a packet from table to table, as the routers would forward it.

Each router looks the destination up for itself: a packet that crosses a host on its way to another is looked up in that
host's main table, where routes of other hosts' guests are as long as it carries their zone.  What is wrapped in VXLAN
crosses routers unseen.  Equal next hops are all followed; a packet that comes to a table for the second time goes in a
circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from trellis.plan.model import GuestPlan, LinkPlan, VnetPlan
from trellis.plan.rules.filters import route_of
from trellis.reach.control import Control, has_session
from trellis.reach.fabric import FAMILY, OVERHEAD_BYTES, Address, Fabric, Version, holds
from trellis.reach.packets import Check, Gate, Packet
from trellis.reach.path import Hop, LinkCrossed, Onward, Path, Stop, Vxlan
from trellis.reach.routes import Passed, TableRoute, Via, gateway_of
from trellis.reach.stops import Stops
from trellis.reach.tables import DEFAULTS, Tables
from trellis.reach.underlay import MOST_PATHS, Step, Underlay

LARGEST = 65535
"""Bytes of the largest IP packet, where no link says less."""


@dataclass(frozen=True, slots=True)
class Trail:
    """A packet on its way: where it has been, and how large it may be so far."""

    packet: Packet
    mtu: int
    hops: tuple[Hop, ...] = ()
    visited: frozenset[tuple[str, str | None]] = field(default_factory=frozenset)

    def then(self, hop: Hop) -> Trail:
        """Return the trail with one more hop; what fits there limits what fits on the whole way."""
        mtu = self.mtu if hop.onward is None else min(self.mtu, hop.onward.mtu)
        return replace(self, mtu=mtu, hops=(*self.hops, replace(hop, mtu=mtu)))

    def arrived(self, hop: Hop, zone: str | None = None) -> Path:
        """Return the path of a packet that ends here."""
        return Path(self.packet, self.then(hop).hops, None, (hop.node, zone))

    def stopped(self, hop: Hop | None, stop: Stop) -> Path:
        """Return the path of a packet that goes no further."""
        return Path(self.packet, self.then(hop).hops if hop is not None else self.hops, stop, None)


class Walk:
    """Follows packets through one state of a fabric.

    Args:
        fabric: The fabric, with what is down.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.underlay = Underlay(fabric)
        self.control = Control(fabric, self.underlay)
        self.tables = Tables(fabric, self.underlay, self.control)
        self._gate = Gate(fabric)
        self._stops = Stops(fabric)

    def from_guest(self, planned: GuestPlan, packet: Packet) -> tuple[Path, ...]:
        """Return the paths of a packet that a guest sends."""
        trail = Trail(packet, self.fabric.zones[planned.guest.zone].mtu)
        return _some(self._guest(trail, planned))

    def from_table(self, node: str, zone: str | None, packet: Packet) -> tuple[Path, ...]:
        """Return the paths of a packet that a host or edge sends, from its main table or a zone's VRF."""
        trail = Trail(packet, LARGEST)
        if not self.fabric.is_up(node):
            return (trail.stopped(None, self._stops.without_power(node)),)
        return _some(self._vrf(trail, node, zone) if zone is not None else self._main(trail, node))

    def from_internet(self, edge: str, packet: Packet) -> tuple[Path, ...]:
        """Return the paths of a packet from upstream, by one edge."""
        trail = Trail(packet, LARGEST)
        if not self.fabric.is_up(edge):
            return (trail.stopped(None, self._stops.without_power(edge)),)
        start = Hop("internet", "internet", None, LARGEST, onward=Onward("upstream", edge, LARGEST))
        return _some(self._main(trail.then(start), edge))

    def _guest(self, trail: Trail, planned: GuestPlan) -> Iterator[Path]:
        guest, target = planned.guest, trail.packet.target
        if not self.fabric.is_up(guest.host):
            yield trail.stopped(None, self._stops.without_power(guest.host, planned))
            return
        vnet = self.fabric.vnets[guest.vnet]
        hop = Hop(guest.name, "guest", vnet.name, trail.mtu)
        if self.serves(planned, target):
            yield trail.arrived(replace(hop, table=None))
        elif holds(vnet.every_subnet, target):
            yield from self._on_link(trail, hop, planned, vnet)
        else:
            taken = self._guests_route(planned, trail.packet)
            if taken is None:
                yield trail.stopped(hop, self._stops.guest_without_route(planned, trail.packet))
                return
            onward = Onward("bridge", guest.host, trail.mtu)
            hop = replace(_by(hop, taken), next_hops=(self._gateway(vnet, trail.packet),), onward=onward)
            yield from self._ingress(trail.then(hop), planned)

    def _ingress(self, trail: Trail, planned: GuestPlan) -> Iterator[Path]:
        """Follow a packet from the guest's host on, where the host's filter meets it first."""
        guest = planned.guest
        check = self._gate.from_guest(planned, trail.packet)
        if check.passes:
            yield from self._vrf(trail, guest.host, guest.zone, (check,))
        else:
            hop = Hop(guest.host, "host", self.fabric.zones[guest.zone].vrf, trail.mtu, checks=(check,))
            yield trail.stopped(hop, Stop(guest.host, check.rule, check.why, check.remedy))

    def _guests_route(self, planned: GuestPlan, packet: Packet) -> TableRoute | None:
        """Return the route that a guest takes by its gateway, None if it is told none.

        One that has no session is taken to have a static default.
        """
        guest = planned.guest
        default = DEFAULTS[packet.version]
        if not has_session(self.fabric, guest.host, guest.zone, str(guest.ipv6)):
            return TableRoute(default, "static", ())
        host = self.fabric.hosts[guest.host]
        told = self.tables.announcements.neighbours(host, guest.zone, packet.version).get(str(guest.ipv6))
        if told is None:
            return None
        table = self.tables.vrf(guest.host, guest.zone, packet.version)
        for route in (table.lookup(packet.target), table.exactly(default)):
            if route is None:
                continue
            sent, entry = self.tables.announcements.judge(host, told.route_map_out, route_of(route.prefix))
            if sent is not None:
                passed = Passed(host.name, f"to {guest.name}, out", str(told.route_map_out), entry)
                return TableRoute(route.prefix, "host", (), (passed,))
        return None

    def _gateway(self, vnet: VnetPlan, packet: Packet) -> str:
        """Return the gateway's address: IPv4 rides on the IPv6 session where a VNet has no IPv4 (RFC 8950)."""
        return gateway_of(vnet, packet.version) or vnet.gateways[0]

    def _on_link(self, trail: Trail, hop: Hop, planned: GuestPlan, vnet: VnetPlan) -> Iterator[Path]:
        """Follow a packet to the guest's own subnet: bridged, past every routing table and their filters."""
        target, host = trail.packet.target, planned.guest.host
        subnet = next(subnet for subnet in vnet.every_subnet if holds((subnet,), target))
        hop = replace(hop, prefix=subnet, learned="connected", next_hops=(str(target),))
        if target in self.fabric.gateways:
            yield from self._to_gateway(trail.then(replace(hop, onward=Onward("bridge", host, trail.mtu))), host, vnet)
            return
        trail = trail.then(replace(hop, onward=Onward("bridge", host, trail.mtu)))
        yield from self._bridged(trail, Hop(host, "host", vnet.name, trail.mtu), host, vnet)

    def _bridged(self, trail: Trail, hop: Hop, host: str, vnet: VnetPlan) -> Iterator[Path]:
        """Follow a frame on a VNet from a host to whoever holds the packet's address."""
        owner = self.fabric.guests_by_address.get(trail.packet.target)
        if owner is None or owner.guest.vnet != vnet.name:
            yield trail.stopped(hop, self._stops.nobody(host, trail.packet.target, vnet))
        elif not self.fabric.is_up(owner.guest.host):
            yield trail.stopped(hop, self._stops.without_power(owner.guest.host, owner))
        elif owner.guest.host == host:
            onward = Onward("bridge", owner.guest.name, self._mtu(vnet.zone))
            yield self._delivered(trail.then(replace(hop, onward=onward)), owner)
        elif not self.control.evpn(host, owner.guest.host):
            yield trail.stopped(hop, self._stops.no_overlay(host, owner.guest.host))
        else:
            onward = self._vxlan(host, owner.guest.host, vnet.zone, "L2VNI", vnet.vni)
            trail = trail.then(replace(hop, onward=onward))
            inner = Hop(
                owner.guest.host, "host", vnet.name, trail.mtu, onward=Onward("bridge", owner.guest.name, trail.mtu)
            )
            yield self._delivered(trail.then(inner), owner)

    def _delivered(self, trail: Trail, owner: GuestPlan) -> Path:
        return trail.arrived(Hop(owner.guest.name, "guest", None, trail.mtu))

    def _to_gateway(self, trail: Trail, host: str, vnet: VnetPlan) -> Iterator[Path]:
        check = self._gate.to_gateway(host, vnet, trail.packet)
        vrf = self.fabric.zones[vnet.zone].vrf
        hop = Hop(host, "host", vrf, trail.mtu, f"{trail.packet.target}", "own address", checks=(check,))
        if check.passes:
            yield trail.arrived(hop, vnet.zone)
        else:
            yield trail.stopped(hop, Stop(host, check.rule, check.why, check.remedy))

    def _vrf(self, trail: Trail, host: str, zone: str, checks: tuple[Check, ...] = ()) -> Iterator[Path]:
        """Follow a packet in a zone's VRF."""
        packet, vrf = trail.packet, self.fabric.zones[zone].vrf
        hop = Hop(host, "host", vrf, trail.mtu, checks=checks)
        if (host, zone) in trail.visited:
            yield trail.stopped(hop, self._stops.circle(host, packet))
            return
        trail = replace(trail, visited=trail.visited | {(host, zone)})
        gateway = self.fabric.gateways.get(packet.target)
        if gateway is not None and gateway.zone == zone:
            yield from self._to_gateway(trail, host, gateway)
            return
        route = self.tables.vrf(host, zone, packet.version).lookup(packet.target)
        if route is None:
            yield trail.stopped(hop, self._stops.no_route(host, zone, packet))
            return
        hop = _by(hop, route)
        for via in route.via:
            yield from self._by_vrf_route(trail, hop, host, zone, via)

    def _by_vrf_route(self, trail: Trail, hop: Hop, host: str, zone: str, via: Via) -> Iterator[Path]:
        if via.how == "guest":
            planned = self.fabric.guests[via.to]
            yield self._delivered(trail.then(replace(hop, onward=Onward("bridge", via.to, self._mtu(zone)))), planned)
        elif via.how == "connected":
            yield from self._bridged(trail, hop, host, self.fabric.vnets[via.to])
        elif via.how == "vtep":
            yield from self._by_l3vni(trail, hop, host, zone, via.to)
        elif via.how == "vrf":
            yield from self._vrf(trail.then(replace(hop, onward=Onward("vrf", host, trail.mtu))), host, via.to)
        else:
            yield from self._plain(trail, hop, host, via.to)

    def _main(self, trail: Trail, node: str) -> Iterator[Path]:
        """Follow a packet in the main table of a host or an edge."""
        packet, place = trail.packet, self._place(node)
        hop = Hop(node, place, "main", trail.mtu)
        if (node, None) in trail.visited:
            yield trail.stopped(hop, self._stops.circle(node, packet))
            return
        first = not trail.hops
        trail = replace(trail, visited=trail.visited | {(node, None)})
        owner = self.fabric.routers_by_address.get(packet.target)
        mine = owner is not None and owner[0] == node
        check = None
        if not first and place == "edge":
            check = self._gate.at_edge(node, packet)
        elif not first and mine:
            check = self._gate.to_router(node, packet)
        if check is not None:
            hop = replace(hop, checks=(check,))
            if not check.passes:
                yield trail.stopped(hop, Stop(node, check.rule, check.why, check.remedy))
                return
        if mine:
            yield trail.arrived(replace(hop, prefix=str(packet.target), learned="own address"))
        elif owner is not None:
            prefix = f"{packet.target}/{packet.target.max_prefixlen}"
            hop = replace(hop, prefix=prefix, learned="OSPF", next_hops=(owner[0],))
            yield from self._to_router(trail, hop, node, *owner)
        else:
            yield from self._by_main_table(trail, hop, node)

    def _to_router(self, trail: Trail, hop: Hop, node: str, owner: str, where: str) -> Iterator[Path]:
        """Follow a packet to an address of a router: its loopback, or its end of a link that is perhaps ours too."""
        link = self.fabric.links.get(where)
        if link is None or not {node, owner} <= set(self.underlay.adjacent(link.name)):
            yield from self._plain(trail, hop, node, owner)
            return
        onward = Onward("link", owner, link.mtu, links=(_crossed(Step(node, link, owner)),), cost=link.cost)
        trail = trail.then(replace(hop, prefix=link.name, learned="connected", onward=onward))
        yield from self._main(trail, owner)

    def _by_main_table(self, trail: Trail, hop: Hop, node: str) -> Iterator[Path]:
        link = self._on_a_link(node, trail.packet.target)
        if link is not None:
            onward = Onward("link", link.name, link.mtu)
            there = Hop(
                str(trail.packet.target), "station", None, link.mtu, note=f"on {link.name}; the plan names nobody"
            )
            yield trail.then(replace(hop, prefix=link.name, learned="connected", onward=onward)).arrived(there)
            return
        route = self.tables.main(node, trail.packet.version).lookup(trail.packet.target)
        if route is None:
            yield trail.stopped(hop, self._stops.no_route(node, None, trail.packet))
            return
        hop = _by(hop, route)
        for via in route.via:
            if via.how == "upstream":
                yield self._upstream(trail, hop, node)
            elif via.how == "vrf":
                yield from self._vrf(trail.then(replace(hop, onward=Onward("vrf", node, trail.mtu))), node, via.to)
            elif via.how == "vtep":
                zone = self.fabric.zone_with(trail.packet.target)
                assert zone is not None  # it is a guest's route by which the packet goes
                yield from self._by_l3vni(trail, hop, node, zone, via.to)
            else:
                yield from self._plain(trail, hop, node, via.to)

    def _upstream(self, trail: Trail, hop: Hop, edge: str) -> Path:
        """Follow a packet out of an edge; one to an address of ours that nobody announces is lost there."""
        target = trail.packet.target
        if self.fabric.zone_with(target) is not None or self.fabric.is_infrastructure(target):
            return trail.stopped(hop, self._stops.no_route(edge, None, trail.packet))
        trail = trail.then(replace(hop, onward=Onward("upstream", "internet", trail.mtu)))
        return trail.arrived(Hop("internet", "internet", None, trail.mtu, note=f"behind {edge}"))

    def _plain(self, trail: Trail, hop: Hop, node: str, target: str) -> Iterator[Path]:
        """Follow a packet that is not wrapped to the next router towards ``target``, which looks it up again."""
        steps = self.underlay.next_steps(node, target)
        if not steps:
            yield trail.stopped(hop, self._stops.unreachable(node, target))
        paths = tuple(tuple(step.link.name for step in path) for path in self.underlay.paths(node, target))
        for step in steps:
            cost = self.underlay.cost(node, target) or 0
            onward = Onward("link", step.target, step.link.mtu, links=(_crossed(step),), equal_paths=paths, cost=cost)
            yield from self._main(trail.then(replace(hop, onward=onward)), step.target)

    def _by_l3vni(self, trail: Trail, hop: Hop, host: str, zone: str, other: str) -> Iterator[Path]:
        """Follow a packet to a zone's VRF on another host."""
        onward = self._vxlan(host, other, zone, "L3VNI", self.fabric.zones[zone].l3vni)
        yield from self._vrf(trail.then(replace(hop, onward=onward)), other, zone)

    def _vxlan(self, host: str, other: str, zone: str, kind: Literal["L2VNI", "L3VNI"], vni: int) -> Onward:
        """Return how a packet of a zone travels to another host."""
        family = self.fabric.zones[zone].vtep
        version: Version = 4 if family == "ipv4" else 6
        source, target = (str(self.fabric.loopback(node, version)) for node in (host, other))
        paths = self.underlay.paths(host, other)
        smallest = min((step.link.mtu for path in paths for step in path), default=LARGEST)
        overhead, mtu = OVERHEAD_BYTES[family], self._mtu(zone)
        return Onward(
            "vxlan",
            other,
            min(mtu, smallest - overhead),
            vxlan=Vxlan(kind, vni, source, target, FAMILY[version], overhead),
            links=tuple(map(_crossed, paths[0])) if paths else (),
            equal_paths=tuple(tuple(step.link.name for step in path) for path in paths),
            cost=self.underlay.cost(host, other) or 0,
            needs=mtu + overhead,
            fits=mtu + overhead <= smallest,
        )

    def _mtu(self, zone: str) -> int:
        return self.fabric.zones[zone].mtu

    def _place(self, node: str) -> Literal["host", "edge"]:
        return "edge" if node in self.fabric.edges else "host"

    def _on_a_link(self, node: str, target: Address) -> LinkPlan | None:
        """Return the link of ``node`` whose network holds an address that no router has."""
        return next((link for link, network in self.fabric.networks_at(node) if target in network), None)

    def serves(self, planned: GuestPlan, target: Address) -> bool:
        """Return whether an address ends at a guest: its own, a loopback, one of its pods or services."""
        guest = planned.guest
        if target in (guest.ipv4, guest.ipv6):
            return True
        held = (*guest.loopbacks, *guest.extra, *guest.pods, *guest.services, *(pool for pool, _ in guest.pod_pools))
        return any(target in prefix for prefix in held)


def _by(hop: Hop, route: TableRoute) -> Hop:
    next_hops = tuple(via.to for via in route.via)
    return replace(hop, prefix=route.prefix, learned=route.learned, next_hops=next_hops, passed=route.passed)


def _crossed(step: Step) -> LinkCrossed:
    return LinkCrossed(step.link.name, step.source, step.target, step.link.mtu, step.link.cost)


def _some(paths: Iterator[Path]) -> tuple[Path, ...]:
    return tuple(islice(paths, MOST_PATHS))

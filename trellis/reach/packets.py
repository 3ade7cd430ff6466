"""A packet, and the packet filters that it meets: on its guest's host, on hosts that it is for, on edges (R12, R13).

What the filters do is read from the plan's firewall; the nftables text of the same decisions is rendered elsewhere, and
the lab proves it by traffic.  All of them are stateless: a reply is judged by its addresses, like any packet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.plan.firewall_model import AllowedService, LeakPlan
from trellis.plan.model import GuestPlan, VnetPlan
from trellis.reach.fabric import Address, Fabric, Version, holds, network

Protocol = Literal["icmp", "tcp", "udp"]

BGP, BFD = 179, 3784
"""Ports that a host listens on where guests may speak BGP (RFC 4271; RFC 5881)."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet.

    Attributes:
        protocol: ``icmp`` stands for ICMPv6 too.
        port: Destination port; 0 for ICMP.
        reply: Whether it answers another: of TCP, a packet other than the first; of ICMP, an echo reply.
    """

    source: Address
    target: Address
    protocol: Protocol = "icmp"
    port: int = 0
    reply: bool = False

    @property
    def version(self) -> Version:
        """The packet's family."""
        return self.target.version


@dataclass(frozen=True, slots=True)
class Check:
    """A packet filter's answer.

    Attributes:
        node: Where it stands.
        name: What filters there.
        passes: Whether the packet goes on.
        rule: The rule of the design that it carries out.
        why: What decided.
        remedy: What would let the packet pass, where a site may say so.
    """

    node: str
    name: str
    passes: bool
    rule: str
    why: str
    remedy: str | None = None


class Gate:
    """The packet filters of a fabric.

    Args:
        fabric: The fabric.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._firewall = fabric.plan.firewall

    def from_guest(self, planned: GuestPlan, packet: Packet) -> Check:
        """Return what the guest's host says to a packet that the guest sends it."""
        guest = planned.guest
        name = f"firewall, from {guest.vnet}"
        own = self._territory(guest.zone)
        if not holds(own, packet.source):
            why = f"{packet.source} is no address of zone {guest.zone}"
            return Check(guest.host, name, False, "R12 forged source", why, "send from an address of the zone")
        return self._between(guest.host, name, packet, guest.zone, guest.vnet)

    def at_edge(self, edge: str, packet: Packet) -> Check | None:
        """Return what an edge says to a packet; None to one that no guest sent, which it does not judge."""
        zone = self._fabric.zone_with(packet.source)
        return None if zone is None else self._between(edge, "edge's filter", packet, zone)

    def to_gateway(self, host: str, vnet: VnetPlan, packet: Packet) -> Check:
        """Return what a host says to a packet for itself, by a gateway's address."""
        if packet.protocol == "icmp":
            return Check(host, "firewall, to the host", True, "R12", "ICMP")
        if packet.reply and packet.protocol == "tcp":
            return Check(host, "firewall, to the host", True, "R12", "it answers what the host began")
        pairs = tuple(zip(vnet.every_subnet, vnet.every_gateway, strict=True))
        near = [subnet for subnet, own in pairs if holds((subnet,), packet.source) and str(packet.target) == own]
        ports = {"tcp": BGP, "udp": BFD}
        heard = vnet.listens and packet.version == 6 and bool(set(near) & set(vnet.subnets))
        if heard and packet.port == ports[packet.protocol]:
            return Check(host, "firewall, to the host", True, "R8", "guests of this VNet may speak BGP and BFD")
        for service in self._firewall.services:
            if near and not service.to and vnet.name in service.vnets and _is_for(service, packet):
                return Check(host, "firewall, to the host", True, "R12", f"service {service.name}")
        what = f"{packet.protocol} port {packet.port} of the host is no service of {vnet.name}"
        entry = f"{{vnets: [{vnet.name}], protocol: {packet.protocol}, ports: [{packet.port}]}}"
        return Check(host, "firewall, to the host", False, "R12 host", what, f"firewall: {{NAME: {entry}}}")

    def to_router(self, node: str, packet: Packet) -> Check | None:
        """Return what a host says to a guest's packet for itself that came by way of an edge; None to any other."""
        zone = self._fabric.zone_with(packet.source)
        return None if zone is None else self._between(node, "firewall, to the host", packet, zone)

    def _between(self, node: str, name: str, packet: Packet, zone: str, vnet: str | None = None) -> Check:
        """Return what a filter says to a packet of ``zone``; ``vnet`` where the bridge tells it, not the source."""
        if holds(self._territory(zone), packet.target):
            return Check(node, name, True, "R12", f"within zone {zone}")
        other = self._fabric.zone_with(packet.target)
        if other is not None:
            return self._between_zones(node, name, packet, zone, other)
        if self._fabric.is_infrastructure(packet.target):
            return self._infrastructure(node, name, packet, vnet)
        return Check(node, name, True, "R12", "neither another zone's nor the infrastructure's")

    def _between_zones(self, node: str, name: str, packet: Packet, zone: str, other: str) -> Check:
        leaks = [leak for leak in self._firewall.leaks if set(leak.zones) == {zone, other}]
        for leak in leaks:
            if holds(_part(leak, zone), packet.source) and holds(_part(leak, other), packet.target):
                return Check(node, name, True, "R12", f"leak {leak.name}")
        why = f"zone {zone} to zone {other}"
        if leaks:
            named = " and ".join(leak.name for leak in leaks)
            left = [
                str(address)
                for address, of in ((packet.source, zone), (packet.target, other))
                if not any(holds(_part(leak, of), address) for leak in leaks)
            ]
            why += f"; leak {named} leaves {' and '.join(left)} out"
            return Check(node, name, False, "R12 other zone", why, f"add the prefix to leaks.{leaks[0].name}.prefixes")
        return Check(
            node,
            name,
            False,
            "R12 other zone",
            why,
            f"leaks: {{NAME: {{between: [{', '.join(sorted((zone, other)))}]}}}}",
        )

    def _infrastructure(self, node: str, name: str, packet: Packet, vnet: str | None) -> Check:
        for service in self._firewall.services:
            known = vnet in service.vnets if vnet is not None else holds(service.sources, packet.source)
            if known and holds(service.to, packet.target) and _is_for(service, packet):
                return Check(node, name, True, "R12", f"service {service.name}")
        if packet.reply and packet.protocol != "udp":
            return Check(node, name, True, "R12", "it answers what the infrastructure began")
        why = f"{packet.target} is infrastructure"
        if packet.protocol == "icmp":
            return Check(
                node, name, False, "R12 infrastructure", why, "nothing for ICMP; TCP and UDP by a firewall entry"
            )
        prefix = network(str(packet.target))
        entry = f"vnets: [{vnet or '...'}], protocol: {packet.protocol}, ports: [{packet.port}]"
        remedy = f"firewall: {{NAME: {{{entry}, to: [{prefix}]}}}}"
        return Check(node, name, False, "R12 infrastructure", f"{why}: {packet.protocol} {packet.port}", remedy)

    def _territory(self, zone: str) -> tuple[str, ...]:
        return self._fabric.territories[zone]


def _part(leak: LeakPlan, zone: str) -> tuple[str, ...]:
    return leak.prefixes[leak.zones.index(zone)]


def _is_for(service: AllowedService, packet: Packet) -> bool:
    return service.protocol == packet.protocol and packet.port in service.ports

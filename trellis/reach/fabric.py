"""The fabric as a packet finds it: a plan, what of it is down, and who holds which address.

Nothing is decided here; the modules beside it ask for hosts, guests and owners of addresses by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network
from typing import Literal

from trellis.plan.model import EdgePlan, GuestPlan, HostPlan, LinkPlan, Plan, VnetPlan, ZonePlan

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Version = Literal[4, 6]
VERSIONS: tuple[Version, ...] = (4, 6)
FAMILY: dict[int, Literal["ipv4", "ipv6"]] = {4: "ipv4", 6: "ipv6"}

OVERHEAD_BYTES = {"ipv4": 50, "ipv6": 70}
"""Bytes that VXLAN adds to a packet, by family of the outer header (RFC 7348: Ethernet, IP, UDP, VXLAN)."""


@dataclass(frozen=True, slots=True)
class Down:
    """What is out of order.

    Attributes:
        nodes: Hosts and edges without power.
        links: Links that are cut for everybody.
        ports: Link and node, where that node alone lost its port.
    """

    nodes: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    ports: frozenset[tuple[str, str]] = frozenset()


NOTHING = Down()


@cache
def network(prefix: str) -> Network:
    """Return a prefix as a value; parsed once, since packets are looked up thousands of times."""
    return ip_network(prefix)


def holds(prefixes: tuple[str, ...], address: Address) -> bool:
    """Return whether one of ``prefixes`` holds ``address``."""
    value = int(address)
    return any(value & mask == first for first, mask in _masks(prefixes, address.version))


@cache
def _masks(prefixes: tuple[str, ...], version: int) -> tuple[tuple[int, int], ...]:
    known = (prefix for prefix in map(network, prefixes) if prefix.version == version)
    return tuple((int(prefix.network_address), int(prefix.netmask)) for prefix in known)


class Fabric:
    """A plan with what is down, indexed.

    Args:
        plan: The plan.
        down: What is out of order.
    """

    def __init__(self, plan: Plan, down: Down = NOTHING) -> None:
        self.plan = plan
        self.down = down
        self.hosts: dict[str, HostPlan] = {host.name: host for host in plan.hosts}
        self.edges: dict[str, EdgePlan] = {edge.name: edge for edge in plan.edges}
        self.zones: dict[str, ZonePlan] = {zone.name: zone for zone in plan.zones}
        self.vnets: dict[str, VnetPlan] = {vnet.name: vnet for vnet in plan.vnets}
        self.guests: dict[str, GuestPlan] = {planned.guest.name: planned for planned in plan.guests}
        self.links: dict[str, LinkPlan] = {link.name: link for link in plan.links}
        self._zone_of: dict[Address, str | None] = {}

    def is_up(self, node: str) -> bool:
        """Return whether a host or edge has power."""
        return node not in self.down.nodes

    def carries(self, host: str, zone: str) -> bool:
        """Return whether a host carries a zone."""
        return host in self.hosts_of_zone[zone]

    def loopback(self, node: str, version: Version) -> Address:
        """Return the loopback of a host or edge."""
        found = self.hosts.get(node) or self.edges[node]
        return _address(found.ipv4 if version == 4 else found.ipv6)

    def guests_on(self, host: str, zone: str) -> tuple[GuestPlan, ...]:
        """Return the guests of a zone that start on a host."""
        return self._placed.get((host, zone), ())

    def vnets_of(self, zone: str) -> tuple[VnetPlan, ...]:
        """Return the VNets of a zone."""
        return self._vnets_of.get(zone, ())

    @cached_property
    def neighbours(self) -> dict[tuple[str, str | None], frozenset[str]]:
        """The addresses with which a host may have sessions, by host and VRF."""
        return {
            (host.name, instance.vrf): frozenset(session.name for session in instance.sessions)
            for host in self.plan.hosts
            for instance in host.bgp
        }

    @cached_property
    def territories(self) -> dict[str, tuple[str, ...]]:
        """What guests of each zone may use."""
        return {zone.zone: zone.prefixes for zone in self.plan.firewall.zones}

    @cached_property
    def hosts_of_zone(self) -> dict[str, frozenset[str]]:
        """The hosts that carry each zone."""
        return {zone.name: frozenset(zone.hosts) for zone in self.plan.zones}

    @cached_property
    def routers_by_address(self) -> dict[Address, tuple[str, str]]:
        """Owner and place (``loopback`` or a link's name) of each address of a host or edge."""
        found: dict[Address, tuple[str, str]] = {}
        for link in self.plan.links:
            for end in link.ends:
                for text in (end.ipv4, end.ipv6):
                    if text is not None:
                        found[ip_interface(text).ip] = (end.node, link.name)
        for node in (*self.hosts, *self.edges):
            for version in VERSIONS:
                found[self.loopback(node, version)] = (node, "loopback")
        return found

    @cached_property
    def guests_by_address(self) -> dict[Address, GuestPlan]:
        """The guest that holds an address on its VNet, or as a host route."""
        found: dict[Address, GuestPlan] = {}
        for planned in self.plan.guests:
            guest = planned.guest
            for route in (*guest.loopbacks, *guest.extra):
                found[route.network_address] = planned
            for own in (guest.ipv4, guest.ipv6):
                if own is not None:
                    found[own] = planned
        return found

    @cached_property
    def gateways(self) -> dict[Address, VnetPlan]:
        """The VNet of each anycast gateway."""
        return {_address(gateway): vnet for vnet in self.plan.vnets for gateway in vnet.every_gateway}

    def networks_at(self, node: str) -> tuple[tuple[LinkPlan, Network], ...]:
        """Return the links of a router whose networks it is attached to, with their networks."""
        return self._networks.get(node, ())

    @cached_property
    def _networks(self) -> dict[str, tuple[tuple[LinkPlan, Network], ...]]:
        found: dict[str, tuple[tuple[LinkPlan, Network], ...]] = {}
        for link in self.plan.links:
            for end in link.ends:
                own = tuple((link, ip_interface(text).network) for text in (end.ipv4, end.ipv6) if text is not None)
                found[end.node] = (*found.get(end.node, ()), *own)
        return found

    def zone_with(self, address: Address) -> str | None:
        """Return the zone whose guests may use an address."""
        if address not in self._zone_of:
            known = (zone.zone for zone in self.plan.firewall.zones if holds(zone.prefixes, address))
            self._zone_of[address] = next(known, None)
        return self._zone_of[address]

    def is_infrastructure(self, address: Address) -> bool:
        """Return whether guests reach an address by a declared service only."""
        return holds(self.plan.firewall.infrastructure, address)

    @cached_property
    def _placed(self) -> dict[tuple[str, str], tuple[GuestPlan, ...]]:
        found: dict[tuple[str, str], tuple[GuestPlan, ...]] = {}
        for planned in self.plan.guests:
            key = planned.guest.host, planned.guest.zone
            found[key] = (*found.get(key, ()), planned)
        return found

    @cached_property
    def _vnets_of(self) -> dict[str, tuple[VnetPlan, ...]]:
        found: dict[str, tuple[VnetPlan, ...]] = {}
        for vnet in self.plan.vnets:
            found[vnet.zone] = (*found.get(vnet.zone, ()), vnet)
        return found


@cache
def _address(text: str) -> Address:
    return ip_address(text)


address_of = _address
"""Return an address as a value; parsed once."""

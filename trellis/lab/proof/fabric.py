"""What the site says has to be there, in the terms of the proof: peers, prefixes, next hops, who is where.

Worked out from the typed site, independently of the plan that the product makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from trellis import allocate
from trellis.site import AttachedGuest, Site, attached_guests, zone_nodes

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
VERSIONS = (4, 6)


@dataclass(frozen=True)
class Fabric:
    """A site, and where its guests run now.

    Args:
        site: The site.
        places: Guest -> the host that it runs on.
        upstream: Addresses behind the edge, at most one per family.
    """

    site: Site
    places: Mapping[str, str]
    upstream: tuple[Address, ...] = ()

    @cached_property
    def guests(self) -> tuple[AttachedGuest, ...]:
        """All guests and cluster nodes, by name."""
        return attached_guests(self.site)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts, in the order of their ids."""
        return tuple(sorted(self.site.hosts, key=lambda name: self.site.hosts[name].id))

    def loopback(self, node: str, version: int) -> Address:
        """The loopback of a host or edge."""
        if node in self.site.edges:
            own = self.site.edges[node].loopback
            return own.ipv4 if version == 4 else own.ipv6
        pools, number = self.site.fabric.loopbacks, self.site.hosts[node].id
        return allocate.suffix_address(pools.ipv4 if version == 4 else pools.ipv6, number)

    def mesh_peers(self, host: str) -> tuple[str, ...]:
        """The hosts with which a host has iBGP sessions: all others, or the reflectors (of which all have all)."""
        others = tuple(name for name in self.hosts if name != host)
        reflectors = self.site.fabric.route_reflectors
        if len(self.hosts) <= self.site.fabric.full_mesh_limit or host in reflectors:
            return others
        return tuple(name for name in others if name in reflectors)

    def mesh_families(self, version: int) -> frozenset[str]:
        """The address families of the iBGP sessions of one IP version, in FRR's words."""
        carried = any(zone.vtep == f"ipv{version}" for zone in self.site.zones.values())
        return frozenset({f"ipv{version}Unicast", *(["l2VpnEvpn"] if carried else [])})

    def nodes_of(self, zone: str) -> tuple[str, ...]:
        """The hosts that carry a zone."""
        return zone_nodes(self.site, zone)

    def place(self, guest: AttachedGuest) -> str:
        """The host that a guest runs on."""
        return self.places.get(guest.name, guest.host)

    def guests_on(self, host: str) -> tuple[AttachedGuest, ...]:
        """The guests that run on a host."""
        return tuple(guest for guest in self.guests if self.place(guest) == host)

    def subnets(self, vnet: str) -> tuple[Prefix, ...]:
        """The subnets of a VNet, those of prefixes that are delegated to it last."""
        both = self.site.vnets[vnet].subnets
        return (*([both.ipv4.prefix] if both.ipv4 else []), both.ipv6.prefix, *self.delegated(vnet))

    def delegated(self, vnet: str) -> tuple[IPv6Network, ...]:
        """The prefixes that are delegated to a VNet, the current one first, then those that guests are to leave."""
        found = self.site.delegated.get(vnet)
        return found.prefixes if found is not None else ()

    def gateways(self, vnet: str) -> tuple[Address, ...]:
        """The gateway addresses of a VNet."""
        both = self.site.vnets[vnet].subnets
        own: tuple[Address, ...] = (*([both.ipv4.gateway] if both.ipv4 else []), both.ipv6.gateway)
        return (*own, *(_with(prefix, int(both.ipv6.gateway)) for prefix in self.delegated(vnet)))

    def own_routes(self, zone: str, version: int) -> frozenset[Prefix]:
        """The routes that a zone's VRF has to have on each of its hosts: its subnets, its guests' routes."""
        subnets = (
            prefix for name, vnet in self.site.vnets.items() if vnet.zone == zone for prefix in self.subnets(name)
        )
        announced = (
            prefix for guest in self.guests if guest.zone == zone for prefix in (*guest.loopbacks, *guest.pods)
        )
        return frozenset(prefix for prefix in (*subnets, *announced) if prefix.version == version)

    def exported(self, host: str, version: int) -> frozenset[Prefix]:
        """The tenant routes that a host exports: the subnets of its zones, and what the guests on it announce."""
        subnets = (
            prefix
            for name, vnet in self.site.vnets.items()
            if host in self.nodes_of(vnet.zone)
            for prefix in self.subnets(name)
        )
        announced = (prefix for guest in self.guests_on(host) for prefix in (*guest.loopbacks, *guest.pods))
        return frozenset(prefix for prefix in (*subnets, *announced) if prefix.version == version)

    def ranges(self, zone: str, version: int) -> frozenset[Prefix]:
        """All that belongs to a zone's tenants: what its VRF has, and the pools that its guests announce from."""
        pools = [
            pool
            for vnet in self.site.vnets.values()
            if vnet.zone == zone and (own := self.site.tenants[vnet.tenant].loopbacks) is not None
            for pool in (own.ipv4, own.ipv6)
            if pool is not None
        ]
        further = [
            prefix
            for guest in self.guests
            if guest.zone == zone
            for prefix in (*guest.services, *guest.extra, *(pool for pool, _ in guest.pod_pools))
        ]
        known = {prefix for prefix in (*pools, *further) if prefix.version == version}
        return frozenset(known | self.own_routes(zone, version))

    def others_ranges(self, zone: str, version: int) -> frozenset[Prefix]:
        """What belongs to the tenants of other zones and not to this one's."""
        others = (self.ranges(name, version) for name in self.site.zones if name != zone)
        return frozenset(prefix for known in others for prefix in known) - self.ranges(zone, version)

    def global_address(self, guest: AttachedGuest) -> IPv6Address | None:
        """The address by which a guest is on the internet: the site's, or what a kernel makes of its MAC (RFC 4291)."""
        found = self.site.delegated.get(guest.vnet)
        if found is None or found.current is None:
            return None
        if guest.slaac:
            first, *others = bytes.fromhex(guest.mac.replace(":", ""))
            made = bytes((first ^ 2, *others[:2], 0xFF, 0xFE, *others[2:]))
            return _with(found.current, int.from_bytes(made))
        return _with(found.current, int(guest.ipv6)) if guest.global_ipv6 else None

    def sources(self, guest: AttachedGuest) -> Iterator[Address]:
        """The addresses that a guest pings from and is pinged at: its loopbacks, else its own."""
        for version, own in ((4, guest.ipv4), (6, guest.ipv6)):
            loopbacks = (prefix.network_address for prefix in guest.loopbacks if prefix.version == version)
            if (address := next(loopbacks, own)) is not None:
                yield address


def _with(prefix: IPv6Network, number: int) -> IPv6Address:
    """The address of a /64 with the last 64 bits of a number."""
    return IPv6Address(int(prefix.network_address) | number & (1 << 64) - 1)


def vrf_of(zone: str) -> str:
    """The VRF of a zone, as Proxmox calls it."""
    return f"vrf_{zone}"

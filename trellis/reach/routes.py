"""What routes a router's tables hold, and which filters let each one through on its way there.

``Announcements`` follows a route from the guest that announces it through every route-map that it passes; a route that
a filter denies is in no table.  ``trellis.reach.tables`` puts the tables together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from trellis.plan.model import Family, GuestPlan, HostPlan, VnetPlan
from trellis.plan.rules.filters import Filters, Route, route_of
from trellis.plan.rules.speakers import Neighbour, active
from trellis.reach.control import unicast_family
from trellis.reach.fabric import FAMILY, Fabric, Network, Version, address_of

How = Literal["local", "connected", "guest", "vtep", "router", "vrf", "upstream"]
Learned = Literal[
    "own address", "connected", "guest", "type-5", "type-2", "edge", "host", "leak", "VRF", "OSPF", "static"
]


@dataclass(frozen=True, slots=True)
class Passed:
    """A route-map that let a route through.

    Attributes:
        node: Where.
        where: At which door, such as ``from guest solcp01``.
        entry: Number of the permitting entry.
    """

    node: str
    where: str
    route_map: str
    entry: int


@dataclass(frozen=True, slots=True)
class Via:
    """A next hop: how the packet goes on, and to whom (a guest, a router, a zone, a VNet)."""

    how: How
    to: str


@dataclass(frozen=True, slots=True)
class TableRoute:
    """A route of a table: its equal next hops, and the filters it passed, from its origin to here."""

    prefix: str
    learned: Learned
    via: tuple[Via, ...]
    passed: tuple[Passed, ...] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """A route that a guest announces or a VNet brings, as it is in the VRF of one host.

    Attributes:
        prefix: Where it stands in the table; a pool for what any of several may announce out of it.
        origin: The guest, or the VNet.
    """

    prefix: str
    origin: str
    route: Route
    passed: tuple[Passed, ...]


class Announcements:
    """Follows routes of a fabric through its filters.

    Args:
        fabric: The fabric.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._filters: dict[int, Filters] = {}
        self._judged: dict[tuple[int, str | None, Route], tuple[Route | None, int]] = {}
        self._speakers: dict[tuple[str, str | None, Version], dict[str, Neighbour]] = {}
        self._of_vrf: dict[tuple[str, str, Version], tuple[Announced, ...]] = {}

    def judge(self, host: HostPlan, route_map: str | None, route: Route) -> tuple[Route | None, int]:
        """Return ``route`` as it leaves a route-map, None if it is denied, and the number of the entry that decides."""
        key = (id(host.policy), route_map, route)
        if key not in self._judged:
            filters = self._filters.setdefault(id(host.policy), Filters(host.policy))
            entry = None if route_map is None else filters.deciding(route_map, route)
            self._judged[key] = filters.apply(route_map, route), entry.seq if entry is not None else 0
        return self._judged[key]

    def pass_on(self, found: Announced, host: HostPlan, route_map: str | None, where: str) -> Announced | None:
        """Return a route after one more filter, None if it is denied there."""
        route, entry = self.judge(host, route_map, found.route)
        if route is None:
            return None
        passed = (*found.passed, Passed(host.name, where, route_map, entry)) if route_map is not None else found.passed
        return Announced(found.prefix, found.origin, route, passed)

    def of_guests(self, host: HostPlan, zone: str, version: Version) -> tuple[Announced, ...]:
        """Return what the guests on a host announced and its filters accepted, in a zone's VRF."""
        key = (host.name, zone, version)
        if key not in self._of_vrf:
            known = self.neighbours(host, zone, version)
            self._of_vrf[key] = tuple(
                accepted
                for planned in self._fabric.guests_on(host.name, zone)
                if (neighbour := known.get(str(planned.guest.ipv6))) is not None
                for accepted in self._accepted(host, planned, neighbour, version)
            )
        return self._of_vrf[key]

    def subnets(self, host: HostPlan, zone: str, version: Version) -> tuple[Announced, ...]:
        """Return a zone's subnets as its VRF redistributes them into BGP."""
        family = vrf_family(self._fabric, host, zone, version)
        if family is None or family.redistribute_connected is None:
            return ()
        found = (
            self.pass_on(
                Announced(subnet, vnet.name, route_of(subnet), ()), host, family.redistribute_connected, "connected"
            )
            for vnet in self._fabric.vnets_of(zone)
            for subnet in subnets_of(vnet, version)
        )
        return tuple(subnet for subnet in found if subnet is not None)

    def as_type5(self, host: HostPlan, zone: str, version: Version) -> tuple[Announced, ...]:
        """Return what a host announces to others as EVPN type-5 for a zone (R3)."""
        vrf = self._fabric.zones[zone].vrf
        maps = [
            route_map
            for instance in host.bgp
            if instance.vrf == vrf
            for family in instance.families
            for advertised, route_map in family.advertise
            if advertised == FAMILY[version]
        ]
        if not maps:
            return ()
        local = (*self.of_guests(host, zone, version), *self.subnets(host, zone, version))
        found = (self.pass_on(route, host, maps[0], "EVPN type-5, out") for route in local)
        return tuple(route for route in found if route is not None)

    def into_global(self, host: HostPlan, zone: str, version: Version) -> tuple[Announced, ...]:
        """Return what of a host's own enters its global table from a zone's VRF (R2)."""
        local = (*self.of_guests(host, zone, version), *self.subnets(host, zone, version))
        found = (self.entered(route, host, zone, version) for route in local)
        return tuple(route for route in found if route is not None)

    def entered(self, found: Announced, host: HostPlan, zone: str, version: Version) -> Announced | None:
        """Return a route of a zone's VRF as it enters a host's global table, None if it does not.

        What another host told enters without the mark by which a host exports: it is forwarded by, and told to nobody.
        """
        family = global_family(host, version)
        if family is None or self._fabric.zones[zone].vrf not in family.import_vrfs:
            return None
        return self.pass_on(found, host, family.import_map, f"{self._fabric.zones[zone].vrf} into the main table")

    def to_edge(self, host: HostPlan, edge: str, version: Version) -> tuple[Announced, ...]:
        """Return what a host announces to an edge."""
        speaker = self.speaker(host, str(self._fabric.loopback(edge, version)), version)
        if speaker is None:
            return ()
        found = (
            self.pass_on(route, host, speaker.route_map_out, f"to {edge}, out")
            for zone in self._fabric.zones
            if self._fabric.carries(host.name, zone)
            for route in self.into_global(host, zone, version)
        )
        return tuple(route for route in found if route is not None)

    def speaker(self, host: HostPlan, address: str, version: Version) -> Neighbour | None:
        """Return a neighbour of a host's global instance in one family."""
        return self._active(host, None, version).get(address)

    def neighbours(self, host: HostPlan, zone: str, version: Version) -> dict[str, Neighbour]:
        """Return the guests' neighbours in a zone's VRF by address."""
        return self._active(host, self._fabric.zones[zone].vrf, version)

    def _active(self, host: HostPlan, vrf: str | None, version: Version) -> dict[str, Neighbour]:
        key = (host.name, vrf, version)
        if key not in self._speakers:
            self._speakers[key] = {
                neighbour.session.name: neighbour
                for instance in host.bgp
                if instance.vrf == vrf
                for family in instance.families
                if family.name == unicast_family(version)
                for neighbour in active(instance, family)
            }
        return self._speakers[key]

    def _accepted(self, host: HostPlan, planned: GuestPlan, neighbour: Neighbour, version: Version) -> list[Announced]:
        found = []
        for prefix, probe in announced_by(planned, version):
            offered = Announced(prefix, planned.guest.name, route_of(probe), ())
            where = f"from {planned.guest.name}, in"
            accepted = self.pass_on(offered, host, neighbour.route_map_in, where)
            if accepted is not None:
                found.append(accepted)
        return found


def announced_by(planned: GuestPlan, version: Version) -> list[tuple[str, str]]:
    """Return what a guest announces: its prefix in a table, and the route that a filter is probed with.

    For a pool out of which several guests may announce, that is its first route of the length that is accepted.
    """
    guest = planned.guest
    exact = [str(prefix) for prefix in (*guest.loopbacks, *guest.extra, *guest.pods) if prefix.version == version]
    pools: list[tuple[Network, int]] = [
        (pool, pool.max_prefixlen) for pool in guest.services if pool.version == version
    ]
    pools += [(pool, length) for pool, length in guest.pod_pools if pool.version == version]
    return [*((prefix, prefix) for prefix in exact), *((str(pool), _first(pool, length)) for pool, length in pools)]


def subnets_of(vnet: VnetPlan, version: Version) -> tuple[str, ...]:
    """Return the subnets of a VNet of one family."""
    return tuple(subnet for subnet in vnet.every_subnet if (":" in subnet) == (version == 6))


def gateway_of(vnet: VnetPlan, version: Version) -> str | None:
    """Return the gateway address of a VNet in one family."""
    return next((gateway for gateway in vnet.gateways if address_of(gateway).version == version), None)


def vrf_family(fabric: Fabric, host: HostPlan, zone: str, version: Version) -> Family | None:
    """Return a unicast family of a zone's VRF on a host."""
    return _family(host, fabric.zones[zone].vrf, version)


def global_family(host: HostPlan, version: Version) -> Family | None:
    """Return a unicast family of a host's global instance."""
    return _family(host, None, version)


def _family(host: HostPlan, vrf: str | None, version: Version) -> Family | None:
    name = unicast_family(version)
    instances = (instance for instance in host.bgp if instance.vrf == vrf)
    return next((family for found in instances for family in found.families if family.name == name), None)


@cache
def _first(pool: Network, length: int) -> str:
    return f"{pool.network_address}/{length}"

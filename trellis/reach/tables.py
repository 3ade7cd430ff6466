"""The routing tables of hosts and edges, made when they are first asked.

A host has a global table and one per zone; both are what `ip route show` prints there, so that each lookup can be held
against a running host.  Addresses of routers themselves are looked up by owner, not by prefix: OSPF carries them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.plan.model import HostPlan
from trellis.plan.rules.filters import Route, route_of
from trellis.plan.rules.speakers import mesh
from trellis.reach.control import Control
from trellis.reach.fabric import Address, Fabric, Version, network
from trellis.reach.routes import (
    Announced,
    Announcements,
    Learned,
    Passed,
    TableRoute,
    Via,
    subnets_of,
    vrf_family,
)
from trellis.reach.underlay import Underlay

DEFAULTS: dict[Version, str] = {4: "0.0.0.0/0", 6: "::/0"}


class Table:
    """Routes by prefix; the longest that holds an address is taken."""

    def __init__(self) -> None:
        self._routes: dict[int, dict[int, TableRoute]] = {}

    def add(self, route: TableRoute) -> None:
        """Put a route in; where its prefix is there already, the first one stays: add the preferred one first."""
        prefix = network(route.prefix)
        self._routes.setdefault(prefix.prefixlen, {}).setdefault(int(prefix.network_address), route)

    def lookup(self, address: Address) -> TableRoute | None:
        """Return the route that is taken to an address."""
        bits, value = address.max_prefixlen, int(address)
        for length in sorted(self._routes, reverse=True):
            found = self._routes[length].get(value >> (bits - length) << (bits - length))
            if found is not None:
                return found
        return None

    def routes(self) -> Iterator[TableRoute]:
        """Yield every route."""
        for of_length in self._routes.values():
            yield from of_length.values()

    def exactly(self, prefix: str) -> TableRoute | None:
        """Return the route of exactly that prefix."""
        wanted = network(prefix)
        return self._routes.get(wanted.prefixlen, {}).get(int(wanted.network_address))


class Tables:
    """All tables of a fabric.

    Args:
        fabric: The fabric.
        underlay: Its shortest paths.
        control: Its sessions.
    """

    def __init__(self, fabric: Fabric, underlay: Underlay, control: Control) -> None:
        self._fabric = fabric
        self._underlay = underlay
        self._control = control
        self.announcements = Announcements(fabric)
        self._made: dict[tuple[str, str | None, Version], Table] = {}
        self._upstream: dict[tuple[str, Version], tuple[TableRoute, ...]] = {}
        self._own: dict[tuple[str, Version], tuple[TableRoute, ...]] = {}

    def vrf(self, host: str, zone: str, version: Version) -> Table:
        """Return the table of a zone's VRF on a host."""
        key = (host, zone, version)
        if key not in self._made:
            self._made[key] = self._vrf(self._fabric.hosts[host], zone, version)
        return self._made[key]

    def main(self, node: str, version: Version) -> Table:
        """Return the global table of a host or an edge, without the addresses of routers."""
        key = (node, None, version)
        if key not in self._made:
            made = self._edge if node in self._fabric.edges else self._global
            self._made[key] = made(node, version)
        return self._made[key]

    def upstream(self, host: str, version: Version) -> tuple[TableRoute, ...]:
        """Return the default, and what is accepted beside it, in a host's global table."""
        key = (host, version)
        if key not in self._upstream:
            own = self._from_edges(host, version)
            known = {route.prefix for route in own}
            lacking = any(prefix not in known for edge in self._fabric.edges for prefix in self._brought(edge, version))
            others = self._from_hosts(host, version) if lacking else ()
            self._upstream[key] = (*own, *(route for route in others if route.prefix not in known))
        return self._upstream[key]

    def _vrf(self, host: HostPlan, zone: str, version: Version) -> Table:
        fabric, table = self._fabric, Table()
        local = self.announcements.of_guests(host, zone, version)
        for route in _merged(local, "guest", "guest", lambda found: found.origin):
            table.add(route)
        for route in self._remote(host, zone, version):
            table.add(route)
        for vnet in fabric.vnets_of(zone):
            for subnet in subnets_of(vnet, version):
                table.add(TableRoute(subnet, "connected", (Via("connected", vnet.name),)))
        for prefix, other in leaks_of(host, zone):
            if network(prefix).version == version:
                table.add(TableRoute(prefix, "leak", (Via("vrf", other),)))
        family = vrf_family(fabric, host, zone, version)
        for route in self.upstream(host.name, version) if family is not None and family.import_vrfs else ():
            assert family is not None
            entered, entry = self.announcements.judge(host, family.import_map, route_of(route.prefix))
            if entered is not None:
                where = f"the main table into {fabric.zones[zone].vrf}"
                passed = Passed(host.name, where, str(family.import_map), entry)
                table.add(TableRoute(route.prefix, route.learned, route.via, (*route.passed, passed)))
        return table

    def _remote(self, host: HostPlan, zone: str, version: Version) -> Iterable[TableRoute]:
        """Yield what other hosts of the zone told by EVPN: type-2 of guests' own addresses, type-5 of their routes."""
        for other in self._telling_of(host, zone):
            for planned in self._fabric.guests_on(other, zone):
                own = planned.guest.ipv4 if version == 4 else planned.guest.ipv6
                if own is not None:
                    yield TableRoute(f"{own}/{own.max_prefixlen}", "type-2", (Via("vtep", other),))
        yield from _by_vxlan(self._type5(host, zone, version))

    def _type5(self, host: HostPlan, zone: str, version: Version) -> list[tuple[str, Announced]]:
        """Return what other hosts told of a zone's routes, each with the host."""
        return [
            (other, route)
            for other in self._telling_of(host, zone)
            for route in self.announcements.as_type5(self._fabric.hosts[other], zone, version)
        ]

    def _telling_of(self, host: HostPlan, zone: str) -> list[str]:
        """Return the other hosts of a zone that a host hears of by EVPN."""
        others = self._fabric.zones[zone].hosts
        return [other for other in others if other != host.name and self._control.evpn(host.name, other)]

    def _global(self, name: str, version: Version) -> Table:
        table, host = Table(), self._fabric.hosts[name]
        for zone in self._fabric.zones:
            if self._fabric.carries(name, zone):
                own = self.announcements.into_global(host, zone, version)
                told = (
                    (other, self.announcements.entered(route, host, zone, version))
                    for other, route in self._type5(host, zone, version)
                )
                of_others = _by_vxlan([(other, route) for other, route in told if route is not None])
                for route in (*_merged(own, "VRF", "vrf", lambda _, zone=zone: zone), *of_others):
                    table.add(route)
        for upstream in self.upstream(name, version):
            table.add(upstream)
        return table

    def _edge(self, edge: str, version: Version) -> Table:
        table = Table()
        told: dict[str, list[tuple[int, str, Announced]]] = {}
        for host in self._fabric.plan.hosts:
            if self._control.edge_session(host.name, edge):
                cost = self._underlay.cost(edge, host.name) or 0
                for route in self.announcements.to_edge(host, edge, version):
                    told.setdefault(route.prefix, []).append((cost, host.name, route))
        for prefix, found in told.items():
            least = min(cost for cost, _, _ in found)
            near = {name: route.passed for cost, name, route in reversed(found) if cost == least}
            via = tuple(Via("router", name) for name in sorted(near))
            table.add(TableRoute(prefix, "host", via, near[via[0].to]))
        for prefix in (DEFAULTS[version], *self._fabric.edges[edge].accepts):
            if network(prefix).version == version:
                table.add(TableRoute(prefix, "static", (Via("upstream", edge),)))
        return table

    def _from_edges(self, name: str, version: Version) -> tuple[TableRoute, ...]:
        """Return what the edges with which a host has sessions announce, of equal ones the nearest (R6)."""
        key = (name, version)
        if key not in self._own:
            self._own[key] = self._offered(self._fabric.hosts[name], version)
        return self._own[key]

    def _offered(self, host: HostPlan, version: Version) -> tuple[TableRoute, ...]:
        offers: dict[str, list[tuple[int, int, str, Passed]]] = {}
        for edge in self._control.edges_of(host.name):
            speaker = self.announcements.speaker(host, str(self._fabric.loopback(edge, version)), version)
            if speaker is None:
                continue
            for prefix in self._brought(edge, version):
                route, entry = self.announcements.judge(host, speaker.route_map_in, route_of(prefix))
                if route is not None:
                    passed = Passed(host.name, f"from {edge}, in", str(speaker.route_map_in), entry)
                    cost = self._underlay.cost(host.name, edge) or 0
                    offers.setdefault(prefix, []).append((-route.local_preference, cost, edge, passed))
        return tuple(_best(prefix, "edge", offered) for prefix, offered in offers.items())

    def _from_hosts(self, host: str, version: Version) -> tuple[TableRoute, ...]:
        """Return what other hosts tell of upstream, directly or by a route reflector (R6: a second choice)."""
        offers: dict[str, list[tuple[int, int, str, Passed]]] = {}
        filters = {found.family: found for found in mesh(self._fabric.plan, self._fabric.hosts[host])}
        own = filters.get(f"ipv{version} unicast")
        for other in self._telling(host) if own is not None else ():
            assert own is not None
            for told in self._from_edges(other, version):
                sent, _ = self.announcements.judge(self._fabric.hosts[other], own.route_map_out, route_of(told.prefix))
                taken: tuple[Route | None, int] = (None, 0)
                if sent is not None:
                    taken = self.announcements.judge(self._fabric.hosts[host], own.route_map_in, sent)
                if taken[0] is not None:
                    passed = Passed(host, f"from {other}, in", str(own.route_map_in), taken[1])
                    cost = self._underlay.cost(host, other) or 0
                    offers.setdefault(told.prefix, []).append((-taken[0].local_preference, cost, other, passed))
        return tuple(_best(prefix, "host", offered) for prefix, offered in offers.items())

    def _telling(self, host: str) -> set[str]:
        """Return the hosts whose own upstream routes a host hears."""
        found: set[str] = set()
        for peer in self._control.mesh_peers(host):
            found.add(peer)
            if self._control.reflects(peer):
                found |= set(self._control.mesh_peers(peer))
        return found - {host}

    def _brought(self, edge: str, version: Version) -> list[str]:
        accepted = self._fabric.edges[edge].accepts
        return [DEFAULTS[version], *(prefix for prefix in accepted if network(prefix).version == version)]


def leaks_of(host: HostPlan, zone: str) -> list[tuple[str, str]]:
    """Return which prefixes a zone's VRF hands on to another zone's on the same host, each with that zone."""
    zone_of = {vrf.name: vrf.zone for vrf in host.vrfs}
    routes = (route for vrf in host.vrfs if vrf.zone == zone for route in vrf.routes)
    return [(route.prefix, zone_of[route.vrf]) for route in routes if route.vrf is not None and route.vrf in zone_of]


def _merged(routes, learned: Learned, how, whom) -> list[TableRoute]:  # type: ignore[no-untyped-def]
    """Return one route per prefix, with a next hop for each that announced it."""
    by_prefix: dict[str, list[Announced]] = {}
    for route in routes:
        by_prefix.setdefault(route.prefix, []).append(route)
    return [
        TableRoute(prefix, learned, tuple(dict.fromkeys(Via(how, whom(route)) for route in found)), found[0].passed)
        for prefix, found in by_prefix.items()
    ]


def _by_vxlan(told: list[tuple[str, Announced]]) -> list[TableRoute]:
    """Return what other hosts told, each route by way of all who told it."""
    teller = {id(route): other for other, route in told}
    return _merged([route for _, route in told], "type-5", "vtep", lambda found: teller[id(found)])


def _best(prefix: str, learned: Learned, offered: list[tuple[int, int, str, Passed]]) -> TableRoute:
    preferred = min((preference, cost) for preference, cost, _, _ in offered)
    equal = {name: passed for preference, cost, name, passed in offered if (preference, cost) == preferred}
    via = tuple(Via("router", name) for name in sorted(equal))
    return TableRoute(prefix, learned, via, (equal[via[0].to],))

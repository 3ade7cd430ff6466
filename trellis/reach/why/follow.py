"""Takes a route from a guest to the edges, from one filter to the next, and stops where one refuses it.

Up to the host's own table there is one way; from there it goes on to the other hosts (EVPN) and, by the main table, to
each edge.  What decides is read off the plan's filters and sessions, as they are rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from trellis.plan.rules.filters import Filters, Route
from trellis.reach.control import Control
from trellis.reach.fabric import FAMILY, Fabric, Version
from trellis.reach.known import known
from trellis.reach.reasons import of_path, of_prefix
from trellis.reach.routes import Announcements, global_family, vrf_family
from trellis.reach.underlay import Underlay
from trellis.reach.why import remedies
from trellis.reach.why.at_edge import edge_in, next_hop
from trellis.reach.why.bgpd import refused_by_bgpd
from trellis.reach.why.entries import of_path_list, of_route_map
from trellis.reach.why.model import Entry, Step, Why
from trellis.reach.why.question import Question
from trellis.reach.why.session import Heard, session
from trellis.reach.why.speaker import speaker


def why(fabric: Fabric, asked: Question) -> Why:
    """Return what becomes of a route.

    Args:
        fabric: The fabric.
        asked: The route (`trellis.reach.why.question`).
    """
    return _Way(fabric, asked).followed()


@dataclass
class _Way:
    """A route on its way.

    Attributes:
        steps: Those that are done.
        route: The route as it left the last filter.
    """

    fabric: Fabric
    asked: Question
    steps: list[Step] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.filters = Filters(self.asked.host.policy)
        self.route = self.asked.route
        self.version: Version = 4 if self.route.prefix.version == 4 else 6
        self.zone = self.fabric.zones[self.asked.vnet.zone]
        self.host = self.asked.host
        self.site = known(self.fabric.plan)
        self.underlay = Underlay(self.fabric)

    def followed(self) -> Why:
        """Go all the way, or to where it stops."""
        self.steps.append(speaker(self.asked))
        step, heard = session(self.fabric, self.asked)
        self.steps.append(step)
        if heard is not None and self._is_looked_at() and self._on_host(heard):
            self._to_edges()
        asked = self.asked
        return Why(
            guest=asked.name,
            address=asked.address,
            vnet=asked.vnet.name,
            vrf=self.zone.vrf,
            host=self.host.name,
            prefix=asked.prefix,
            asn=asked.asn,
            path=asked.path,
            communities=asked.communities,
            steps=tuple(self.steps),
            edges=tuple(self.edges),
            all_edges=tuple(self.fabric.edges),
            marks=self.marks,
        )

    def _is_looked_at(self) -> bool:
        """Whether bgpd looks at the prefix at all; what it refuses by itself is among the steps then."""
        stop = refused_by_bgpd(self.fabric, self.asked)
        if stop is not None:
            self.steps.append(stop)
        return stop is None

    def _on_host(self, heard: Heard) -> bool:
        """Whether it gets into the host's main table; what stops it is among the steps then."""
        doors = (
            partial(self._path_in, heard),
            partial(self._filter_in, heard),
            self._vrf,
            self._type5,
            self._main_table,
        )
        return self._through(*doors)

    def _through(self, *doors: Callable[[], Step]) -> bool:
        """Go through one door after the other; whether all of them let the route through."""
        for door in doors:
            self.steps.append(door())
            if self.steps[-1].verdict == "stops":
                return False
        return True

    def _path_in(self, heard: Heard) -> Step:
        asked, name = self.asked, heard.neighbour.path_list_in
        text = " ".join(map(str, asked.path))
        refused = of_path(self.site, heard.party, asked.asn, text)
        why_not = refused.sentence if refused is not None else f"no entry permits the path {text}"
        remedy = None if refused is None else remedies.of_path(self.fabric, asked, refused.code)
        if self.fabric.plan.asn in asked.path:
            entry = Entry(f"bgpd itself: the path holds AS {self.fabric.plan.asn}, its own")
        elif name is None:
            return Step("AS path", self.host.name, "passes", Entry("no AS-path list"), text)
        else:
            entry = of_path_list(self.filters, name, asked.path)
            if self.filters.path_passes(name, *asked.path):
                return Step("AS path", self.host.name, "passes", entry, f"path {text}")
        return Step("AS path", self.host.name, "stops", entry, why_not, rule="R7", remedy=remedy)

    def _filter_in(self, heard: Heard) -> Step:
        asked, name = self.asked, heard.neighbour.route_map_in
        if name is None:
            entry = Entry("no route-map, which RFC 8212 denies")
            return Step("filter in", self.host.name, "stops", entry, "nothing of it is accepted", rule="R7")
        entry, tried = of_route_map(self.filters, name, self.route)
        after = self.filters.apply(name, self.route)
        if after is None:
            refused = of_prefix(self.site, heard.party, asked.prefix)
            rule, remedy = "R7", None
            if refused is not None:
                rule, remedy = remedies.of_prefix(self.fabric, self.site, asked, refused.code)
            why_not = refused.sentence if refused is not None else "no entry permits it"
            return Step("filter in", self.host.name, "stops", entry, why_not, tried, rule, remedy)
        self.route = after
        return Step("filter in", self.host.name, "passes", entry, self._marked(), tried, communities=_marks(after))

    def _marked(self) -> str:
        """Return what a host's filter makes of a route's communities."""
        given = f"the guest's own ({', '.join(self.asked.communities)}) replaced by " if self.asked.communities else ""
        return f"accepted, {given or 'marked '}{', '.join(_marks(self.route))}"

    def _vrf(self) -> Step:
        prefix, vrf = self.asked.prefix, self.zone.vrf
        subnets = {subnet: vnet.name for vnet in self.fabric.vnets_of(self.zone.name) for subnet in vnet.every_subnet}
        if prefix in subnets:
            policy = self.asked.vnet.policy_path
            family, longer = FAMILY[self.version], self.route.prefix.prefixlen + 1
            return Step(
                "VRF",
                self.host.name,
                "stops",
                Entry(f"{vrf}: {prefix} connected, weight 32768"),
                f"it is the subnet of {subnets[prefix]}, of which the host's own route is better: only that goes on",
                rule="R2",
                remedy=f"{policy}.prefix_lengths.{family}.shortest: {longer}, which refuses it where it comes in",
            )
        via = self.asked.address
        return Step("VRF", self.host.name, "passes", Entry(f"{vrf}: {prefix} via {via}"), "in the zone's table")

    def _type5(self) -> Step:
        family = FAMILY[self.version]
        found = (
            route_map
            for instance in self.host.bgp
            if instance.vrf == self.zone.vrf
            for own in instance.families
            for advertised, route_map in own.advertise
            if advertised == family
        )
        name = next(found, None)
        others = [other for other in self.zone.hosts if other != self.host.name]
        if name is None:
            entry = Entry(f"{self.zone.vrf}: no advertise {family} unicast")
            return Step("type-5", self.host.name, "stops", entry, "other hosts do not learn it", rule="R3")
        entry, tried = of_route_map(self.filters, name, self.route)
        if self.filters.apply(name, self.route) is None:
            return Step("type-5", self.host.name, "stops", entry, "other hosts do not learn it", tried, "R3")
        to = f"to {', '.join(others)} as EVPN type-5" if others else "as EVPN type-5; no other host carries the zone"
        return Step("type-5", self.host.name, "passes", entry, f"{to}, L3VNI {self.zone.l3vni}", tried)

    def _main_table(self) -> Step:
        family, vrf = global_family(self.host, self.version), self.zone.vrf
        own = vrf_family(self.fabric, self.host, self.zone.name, self.version)
        if family is None or own is None or vrf not in family.import_vrfs or family.import_map is None:
            entry = Entry(f"no import vrf {vrf}")
            return Step("main table", self.host.name, "stops", entry, "it stays in the zone", rule="R2")
        entry, tried = of_route_map(self.filters, family.import_map, self.route)
        after = self.filters.apply(family.import_map, self.route)
        if after is None:
            why_not = "only what guests of this host announced leaves the zone"
            return Step("main table", self.host.name, "stops", entry, why_not, tried, "R2")
        self.route = after
        return Step("main table", self.host.name, "passes", entry, f"import vrf {vrf}: in the main table", tried)

    def _to_edges(self) -> None:
        if not self.fabric.edges:
            step = Step(
                "edge session",
                self.host.name,
                "stops",
                Entry("the site has no edge"),
                "nobody outside of the fabric hears of it",
                remedy="edges: {NAME: {asn: ..., loopback: ...}}",
            )
            self.steps.append(step)
        for edge in self.fabric.edges:
            route = self.route
            if self._through(partial(self._out, edge), partial(self._in, edge)):
                self.edges.append(edge)
                self.marks = self.marks or _marks(self.route)
            self.route = route

    def _out(self, edge: str) -> Step:
        host = self.host.name
        address = str(self.fabric.loopback(edge, self.version))
        speaks = Announcements(self.fabric).speaker(self.host, address, self.version)
        up = Control(self.fabric, self.underlay).edge_session(host, edge)
        if speaks is None or speaks.route_map_out is None or not up:
            hops = self.underlay.hops(host, edge)
            longest = None if speaks is None else speaks.session.ebgp_hops
            too_far = hops is not None and longest is not None and hops > longest
            why_not = f"{hops} links, and its packets go {longest} hops" if too_far else "no link leads there"
            remedy = f"edges.{edge}.max_hops: {hops}" if too_far else f"links: one that joins {host} and {edge}"
            entry = Entry(f"neighbor {address}: no session with {edge}")
            return Step("edge session", host, "stops", entry, why_not, remedy=remedy, edge=edge)
        entry, tried = of_route_map(self.filters, speaks.route_map_out, self.route)
        after = self.filters.apply(speaks.route_map_out, self.route)
        if after is None:
            why_not = f"{self.asked.prefix} does not leave the fabric"
            return Step("to edge", host, "stops", entry, why_not, tried, "R5", edge=edge)
        self.route = after
        why_so = f"to {edge} ({speaks.session.name}) with {', '.join(_marks(after))}"
        return Step("to edge", host, "passes", entry, why_so, tried, edge=edge, communities=_marks(after))

    def _in(self, edge: str) -> Step:
        found = self.fabric.edges[edge]
        entry, passes = edge_in(found, self.route)
        if not passes:
            only = "nothing of the infrastructure" if entry.seq is not None else "only what the site says of guests"
            why_not = f"the edge accepts {only}"
            remedy = "`trellis render EDGE --format rsc`: the edge's rules follow from the site"
            return Step("edge", edge, "stops", entry, why_not, rule="R5", remedy=remedy, edge=edge)
        why_so = next_hop(self.fabric, self.underlay, edge, self.host.name, self.version)
        return Step("edge", edge, "passes", entry, why_so, edge=edge, communities=_marks(self.route))


def _marks(route: Route) -> tuple[str, ...]:
    """Return a route's communities, each kind in order, as FRR prints them."""
    return (*sorted(route.communities), *sorted(route.large))

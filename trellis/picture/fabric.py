"""What a picture shows, taken from a site and its plan: lanes (links and sessions), zones, and who is where.

Sessions are counted from the plan's own neighbours, never derived again here.  Where things are drawn stands in the
modules beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from trellis import allocate
from trellis.plan import Plan, names
from trellis.plan.firewall_model import LeakPlan
from trellis.plan.model import EdgePlan, HostPlan, LinkPlan, VnetPlan, Vrf, ZonePlan
from trellis.site import Site
from trellis.site.resolved import AttachedGuest

Kind = Literal["link", "ibgp", "ebgp"]

COLOURS = 7
"""How many colours tell zones apart; with more zones they come again, and the names tell."""
LINKS_DRAWN_EACH = 24
"""Up to this many links each has a lane; beyond it, point-to-point links that are alike share one."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a lane meets a host or an edge.

    Attributes:
        at: Name of the host or edge.
        port: What is written beside it, such as an interface.
        tip: What is said of it in full.
        leads: Whether the others of the lane speak with this one: a route reflector, an edge.
    """

    at: str
    port: str
    tip: str
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """Links or sessions that are drawn as one line with an end at each participant.

    Attributes:
        count: Links or sessions (one of each address family counts as two) that it stands for.
    """

    kind: Kind
    name: str
    note: str
    ends: tuple[End, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Sessions:
    """The planned BGP sessions; the two ends of an iBGP session are one."""

    mesh: frozenset[tuple[str, str, str]]
    """Two hosts by name, sorted, and the family of the session."""
    edges: frozenset[tuple[str, str, str]]
    """Host, edge, address of the edge."""
    guests: frozenset[tuple[str, str]]
    """Host, guest."""
    clients: frozenset[tuple[str, str]]
    """Route reflector, client."""

    def of_host(self, host: str) -> tuple[int, int, int]:
        """Return how many sessions a host has with hosts, edges and guests."""
        return (
            sum(1 for one, other, _ in self.mesh if host in (one, other)),
            sum(1 for at, _, _ in self.edges if at == host),
            sum(1 for at, _ in self.guests if at == host),
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """A VNet on a host: the guests that start there, and those that may move there."""

    host: str
    at_home: tuple[AttachedGuest, ...]
    may_come: tuple[AttachedGuest, ...]


@dataclass(frozen=True, slots=True)
class VnetBand:
    """A VNet and its cells, one for each host that carries the zone.

    Attributes:
        allows: What its guests may reach beside other guests, a line each.
    """

    vnet: VnetPlan
    alias: str
    allows: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def guests(self) -> tuple[AttachedGuest, ...]:
        """The VNet's guests."""
        return tuple(sorted((g for cell in self.cells for g in cell.at_home), key=lambda guest: guest.suffix))


@dataclass(frozen=True, slots=True)
class ZoneBand:
    """A zone, its VRF on each host that carries it, and its VNets.

    Attributes:
        colour: Which of the palette's colours it has, from 0.
        facts: What is said of the zone, a few words each.
    """

    name: str
    colour: int
    facts: tuple[str, ...]
    vrfs: tuple[tuple[str, Vrf], ...]
    vnets: tuple[VnetBand, ...]


@dataclass(frozen=True, slots=True)
class Fabric:
    """All that a picture shows."""

    name: str
    asn: int
    hosts: tuple[HostPlan, ...]
    edges: tuple[EdgePlan, ...]
    reflectors: frozenset[str]
    sessions: Sessions
    lanes: tuple[Lane, ...]
    ports: dict[str, tuple[tuple[str, str, str], ...]]
    """Of each host and edge: interface, IPv4 and IPv6 address."""
    zones: tuple[ZoneBand, ...]
    leaks: tuple[LeakPlan, ...]
    guests: int


def fabric_of(site: Site, plan: Plan) -> Fabric:
    """Return what a picture of ``plan`` shows.

    Args:
        site: The site, for what a plan has no need of: aliases, ids of zones.
        plan: Its plan.
    """
    sessions = sessions_of(plan)
    zones = sorted(plan.zones, key=lambda zone: zone.l3vni)
    colours = _colours([site.zones[zone.name].id for zone in zones])
    return Fabric(
        name=plan.site_name,
        asn=plan.asn,
        hosts=plan.hosts,
        edges=plan.edges,
        reflectors=frozenset(reflector for reflector, _ in sessions.clients),
        sessions=sessions,
        lanes=(*_edge_lanes(plan, sessions), *_mesh_lanes(plan, sessions), *_link_lanes(plan)),
        ports=_ports(plan),
        zones=tuple(_zone(site, plan, zone, colour) for zone, colour in zip(zones, colours, strict=True)),
        leaks=plan.firewall.leaks,
        guests=len(plan.guests),
    )


def sessions_of(plan: Plan) -> Sessions:
    """Return the BGP sessions of a plan, from each host's neighbours."""
    mesh: set[tuple[str, str, str]] = set()
    edges: set[tuple[str, str, str]] = set()
    guests: set[tuple[str, str]] = set()
    clients: set[tuple[str, str]] = set()
    for host in plan.hosts:
        for bgp in host.bgp:
            peers = {session.name: session for session in bgp.sessions if not session.is_group}
            for address, session in peers.items():
                peer = session.description or address
                if bgp.vrf is not None:
                    guests.add((host.name, peer))
                elif session.group is None:
                    edges.add((host.name, peer, address))
                else:
                    first, second = sorted((host.name, peer))
                    mesh.add((first, second, "ipv6" if ":" in address else "ipv4"))
            for family in bgp.families:
                reflected = (entry for entry in family.peers if entry.route_reflector_client and entry.name in peers)
                clients.update((host.name, peers[entry.name].description or entry.name) for entry in reflected)
    return Sessions(frozenset(mesh), frozenset(edges), frozenset(guests), frozenset(clients))


def _edge_lanes(plan: Plan, sessions: Sessions) -> Iterator[Lane]:
    for edge in plan.edges:
        own = sorted((host, address) for host, name, address in sessions.edges if name == edge.name)
        hosts = [host.name for host in plan.hosts if any(at == host.name for at, _ in own)]
        note = f"eBGP with AS {edge.asn}, {_families(address for _, address in own)}"
        ends = [End(host, "", f"{host} speaks eBGP with {edge.name}, AS {edge.asn}") for host in hosts]
        tip = f"{edge.name}, AS {edge.asn}, speaks eBGP with {_listed(hosts)}"
        yield Lane("ebgp", edge.name, note, (End(edge.name, "", tip, leads=True), *ends), len(own))


def _mesh_lanes(plan: Plan, sessions: Sessions) -> Iterator[Lane]:
    """Yield a lane for each route reflector and its clients, and one for those that all speak with each other."""
    order = [host.name for host in plan.hosts]
    carried = _evpn_on(plan)
    for reflector in (name for name in order if any(name == leader for leader, _ in sessions.clients)):
        clients = [name for name in order if (reflector, name) in sessions.clients]
        pairs = {tuple(sorted((reflector, client))) for client in clients}
        own = [pair for pair in sessions.mesh if pair[:2] in pairs]
        ends = [End(name, "", f"{name} is a client of {reflector}") for name in clients]
        tip = f"{reflector} reflects to {_counted(len(clients), 'client')}: {_listed(clients)}"
        note = f"iBGP, reflects to {_counted(len(clients), 'client')}, {carried}"
        yield Lane("ibgp", reflector, note, (End(reflector, "RR", tip, leads=True), *ends), len(own))
    reflected = {tuple(sorted(pair)) for pair in sessions.clients}
    meshed = [pair for pair in sessions.mesh if pair[:2] not in reflected]
    members = [name for name in order if any(name in pair[:2] for pair in meshed)]
    if members:
        pairs_meshed = {pair[:2] for pair in meshed}
        full = len(pairs_meshed) == len(members) * (len(members) - 1) // 2
        shape = "full mesh" if full else f"{_counted(len(pairs_meshed), 'pair')}"
        who = "between reflectors" if sessions.clients else shape
        ends = [End(name, "", f"{name} speaks iBGP with {_partners(name, pairs_meshed, order)}") for name in members]
        yield Lane("ibgp", who, f"iBGP of {_counted(len(members), 'host')}, {carried}", tuple(ends), len(meshed))


def _partners(name: str, pairs: set[tuple[str, str]], order: list[str]) -> str:
    return _listed([peer for peer in order if peer != name and tuple(sorted((name, peer))) in pairs])


def _evpn_on(plan: Plan) -> str:
    """Return which families the mesh's sessions are of, and which of them carries EVPN."""
    groups = {
        session.group: "IPv6" if ":" in session.name else "IPv4"
        for host in plan.hosts
        for session in host.bgp[0].sessions
        if session.group is not None
    }
    evpn = groups.get(names.VTEP_GROUP, "IPv4")
    return f"{evpn} (with EVPN) + {'IPv4' if evpn == 'IPv6' else 'IPv6'}"


def _families(addresses: Iterable[str]) -> str:
    return " + ".join(sorted({"IPv6" if ":" in address else "IPv4" for address in addresses}))


def _link_lanes(plan: Plan) -> Iterator[Lane]:
    """Yield the links: wires first, as they are the fabric's own, in the order of the hosts that they begin at."""
    nodes = (*(host.name for host in plan.hosts), *(edge.name for edge in plan.edges))
    order = {name: index for index, name in enumerate(nodes)}
    wires = sorted(
        (link for link in plan.links if link.kind == "point-to-point"),
        key=lambda link: (sorted(order[end.node] for end in link.ends), link.name),
    )
    if len(plan.links) <= LINKS_DRAWN_EACH:
        yield from map(_link, wires)
    else:
        alike = sorted(wires, key=lambda link: (link.cost, link.mtu))
        for (cost, mtu), group in groupby(alike, key=lambda link: (link.cost, link.mtu)):
            members = list(group)
            yield _bundle(members, cost, mtu) if len(members) > 1 else _link(members[0])
    yield from (_link(link) for link in plan.links if link.kind == "segment")


def _link(link: LinkPlan) -> Lane:
    wire = "wire" if link.kind == "point-to-point" else f"segment of {len(link.ends)}"
    ends = (
        End(end.node, end.interface, " ".join(part for part in (end.node, end.interface, end.ipv4, end.ipv6) if part))
        for end in link.ends
    )
    return Lane("link", link.name, f"cost {link.cost}, MTU {link.mtu}, {wire}", tuple(ends), 1)


def _bundle(links: list[LinkPlan], cost: int, mtu: int) -> Lane:
    """Return one lane for many point-to-point links that are alike."""
    peers: dict[str, list[str]] = {}
    for link in links:
        nodes = [end.node for end in link.ends]
        for at in nodes:
            peers.setdefault(at, []).extend(other for other in nodes if other != at)
    ends = (
        End(at, str(len(others)), f"{at} has {_counted(len(others), 'wire')}, to {_listed(sorted(others))}")
        for at, others in sorted(peers.items())
    )
    return Lane("link", f"{len(links)} wires", f"cost {cost}, MTU {mtu}, point-to-point", tuple(ends), len(links))


def _ports(plan: Plan) -> dict[str, tuple[tuple[str, str, str], ...]]:
    found: dict[str, list[tuple[str, str, str]]] = {
        **{host.name: [] for host in plan.hosts},
        **{edge.name: [] for edge in plan.edges},
    }
    for link in plan.links:
        for end in link.ends:
            found[end.node].append((end.interface, end.ipv4 or "", end.ipv6 or ""))
    return {at: tuple(sorted(ports)) for at, ports in found.items()}


def _colours(ids: list[int]) -> list[int]:
    """Return the colour of each zone: the one that follows from its id, or the next that is free while one is."""
    taken: list[int] = []
    for number in ids:
        wishes = [(number - 1 + step) % COLOURS for step in range(COLOURS)]
        taken.append(next((wish for wish in wishes if wish not in taken), wishes[0]))
    return taken


def _zone(site: Site, plan: Plan, zone: ZonePlan, colour: int) -> ZoneBand:
    vrfs = [(host.name, vrf) for host in plan.hosts for vrf in host.vrfs if vrf.zone == zone.name]
    vnets = tuple(_vnet(site, plan, vnet, zone) for vnet in plan.vnets if vnet.zone == zone.name)
    target = allocate.route_target(plan.asn, zone.l3vni)
    facts = [zone.vrf, f"L3VNI {zone.l3vni}", f"RT {target}", f"MTU {zone.mtu}"]
    facts.append(f"VXLAN over {'IPv4' if zone.vtep == 'ipv4' else 'IPv6'}")
    if site.zones[zone.name].shared:
        facts.append("shared by tenants")
    return ZoneBand(zone.name, colour, tuple(facts), tuple(vrfs), vnets)


def _vnet(site: Site, plan: Plan, vnet: VnetPlan, zone: ZonePlan) -> VnetBand:
    own = [planned for planned in plan.guests if planned.guest.vnet == vnet.name]
    cells = (
        Cell(
            host,
            tuple(planned.guest for planned in own if planned.guest.host == host),
            tuple(planned.guest for planned in own if planned.guest.host != host and host in planned.hosts),
        )
        for host in zone.hosts
    )
    allows = (
        f"{service.name}: {service.protocol} {', '.join(map(str, service.ports))} of {_target(service.to)}"
        for service in plan.firewall.services
        if vnet.name in service.vnets
    )
    return VnetBand(vnet, site.vnets[vnet.name].alias, tuple(allows), tuple(cells))


def _target(prefixes: tuple[str, ...]) -> str:
    return _listed(list(prefixes), most=2) if prefixes else "its host"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(parts: list[str], most: int = 40) -> str:
    """Return parts in a line, the first ``most`` of them."""
    rest = len(parts) - most
    return ", ".join(parts) if rest <= 0 else f"{', '.join(parts[:most])} and {rest} more"

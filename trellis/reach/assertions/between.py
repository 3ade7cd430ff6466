"""What must hold on one host between it and the routers around it: links, ways, sessions, defaults, VNIs, MTU.

What is said of a daemon that is away, or of a router that nobody can judge, is in ``judge``; guests have ``guests``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from trellis.reach.assertions.expected import ways
from trellis.reach.assertions.model import (
    Adjacency,
    DefaultRoute,
    Finding,
    HostExpected,
    Ping,
    RouterSession,
    Vni,
    Way,
)
from trellis.reach.assertions.seen import MAIN, Seen, SeenLabel, SeenVni
from trellis.reach.fabric import Fabric, Version
from trellis.reach.underlay import Underlay

OSPF: dict[Version, str] = {4: "ospfd", 6: "ospf6d"}
_NAME: dict[Version, str] = {4: "OSPFv2", 6: "OSPFv3"}


@dataclass(frozen=True, slots=True)
class Between:
    """What is known of the whole fabric when one host is judged.

    Attributes:
        remaining: The shortest paths without the routers that are not judged: one of them may be down.
        without: By daemon, the routers of which nothing is asserted that needs it; under `host`, nothing at all.
    """

    fabric: Fabric
    remaining: Underlay
    without: Mapping[str, frozenset[str]]

    def lacks(self, node: str, *daemons: str) -> bool:
        """Return whether nothing is asserted of a router that needs one of some daemons."""
        return any(node in self.without[daemon] for daemon in daemons)


@dataclass(slots=True)
class _Named:
    """What a finding of this host has named already: its consequences are not told again."""

    links: set[tuple[str, str]] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)


def between(known: Between, wanted: HostExpected, found: Seen) -> Iterator[Finding | None]:
    """Yield the verdict on each assertion of a host; None where it holds.

    Args:
        known: What is known of the others.
        wanted: What is expected of the host.
        found: What it says.
    """
    named = _Named()
    for adjacency in wanted.adjacencies:
        yield from _adjacent(known, adjacency, found, named)
    if "zebra" not in found.away:
        yield from _ways(known, wanted.ways, found)
    if "bgpd" not in found.away:
        for session in wanted.sessions:
            if not known.lacks(session.node, "bgpd"):
                yield _session(session, found, named)
    for default in wanted.defaults:
        yield from _default(known, default, found)
    yield from _vnis(known, wanted.vnis, found, named)
    for ping in wanted.pings:
        if not known.lacks(ping.node, "host"):
            yield from _ping(ping, found, named)


def _adjacent(known: Between, wanted: Adjacency, found: Seen, named: _Named) -> Iterator[Finding | None]:
    for router_id, node in wanted.others:
        if OSPF[wanted.version] in found.away or known.lacks(node, OSPF[wanted.version]):
            continue
        there = found.adjacencies.get((wanted.version, wanted.interface, router_id))
        # On a segment two routers of which neither is designated stay at 2-Way (RFC 2328, 10.4).
        if there is not None and (there.state == "Full" or (there.state, there.role) == ("2-Way", "DROther")):
            yield None
            continue
        named.links.add((wanted.link, node))
        yield Finding(
            found.host, "OSPF", f"{_NAME[wanted.version]} with {node} on {wanted.link}", "Full",
            "no neighbour" if there is None else there.state, "",
            "loopbacks are reached by another way or not at all, and all sessions and VXLAN are between loopbacks",
            f"see the link on both hosts: `ip -s link show {wanted.interface}`, its MTU, its cable; then the daemon: "
            f"`vtysh -c 'show {'ip ospf' if wanted.version == 4 else 'ipv6 ospf6'} interface {wanted.interface}'`",
        )  # fmt: skip


def _ways(known: Between, wanted: tuple[Way, ...], found: Seen) -> Iterator[Finding | None]:
    remaining = {way.prefix: way for way in ways(known.fabric, known.remaining, found.host)}
    for way in wanted:
        other = remaining.get(way.prefix)
        # Without the routers that nobody can judge it may not be reached at all: then nothing is asserted.
        if OSPF[way.version] in found.away or known.lacks(way.node, OSPF[way.version]) or other is None:
            continue
        there = found.ways.get(way.prefix, ())
        allowed = [tuple(interface for interface, _ in one.links) for one in (way, other)]
        yield None if there in [tuple(sorted(set(one))) for one in allowed] else _by_another_way(way, there, found.host)


def _by_another_way(way: Way, there: tuple[str, ...], host: str) -> Finding:
    links = ", ".join(f"{link} ({interface})" for interface, link in way.links)
    return Finding(
        host, "next hop", f"{way.node}'s loopback {way.prefix}", f"by {links}, cost {way.cost}",
        f"by {', '.join(there)}" if there else "OSPF has no way to it that is used", "",
        "traffic between these hosts takes a way that nobody planned: slower, smaller, or shared with management",
        f"mend what is told of OSPF on this host first; else compare its costs: `trellis check {host}`, and "
        f"`vtysh -c 'show {'ip' if way.version == 4 else 'ipv6'} route {way.prefix}'`",
    )  # fmt: skip


def _session(wanted: RouterSession, found: Seen, named: _Named) -> Finding | None:
    there = found.sessions.get((MAIN, wanted.address))
    families = set(wanted.families)
    if there is not None and there.established and families <= there.families:
        return None
    named.sessions.add(wanted.node)
    if there is None:
        said = "no such neighbour"
    elif there.established:
        said = f"Established without {', '.join(sorted(families - there.families))}"
    else:
        said = f"{there.state}: {there.said}" if there.said else there.state
    rule, why = ("R6", _WITHOUT_EDGE) if wanted.is_edge else ("R3", _WITHOUT_MESH)
    return Finding(
        found.host, "session", f"{'eBGP' if wanted.is_edge else 'iBGP'} with {wanted.node}, IPv{wanted.version}",
        f"Established: {', '.join(wanted.families)}", said, rule, why,
        f"see that {wanted.address} is reached from this host's loopback; then "
        f"`vtysh -c 'show bgp neighbors {wanted.address}'` on both ends",
    )  # fmt: skip


_WITHOUT_EDGE = "this host's guests leave by another host, and the edge does not learn their routes from here"
_WITHOUT_MESH = "these two hosts do not learn of each other's guests"


def _default(known: Between, wanted: DefaultRoute, found: Seen) -> Iterator[Finding | None]:
    edges = {address: edge for address, edge in wanted.edges if not known.lacks(edge, "bgpd")}
    if not edges or ("bgpd" if wanted.vrf is None else "zebra") in found.away:
        return
    there = found.defaults.get((wanted.vrf or MAIN, wanted.version), ())
    if there and set(there) <= edges.keys():
        yield None
        return
    routers = known.fabric.routers_by_address
    owners = {str(address): owner for address, (owner, _) in routers.items()}
    by = ", ".join(f"{address} ({owners[address]})" if address in owners else address for address in there)
    yield Finding(
        found.host, "default", f"IPv{wanted.version} default of {wanted.vrf or 'the main table'}",
        f"by this host's own session with {', '.join(edges.values())}", f"by {by}" if there else "none that is used",
        "R6", "what leaves this host takes another host's way, or ends here",
        "mend its sessions with edges first; else see what it has: "
        f"`vtysh -c 'show bgp {f'vrf {wanted.vrf} ' if wanted.vrf else ''}ipv{wanted.version} unicast "
        f"{'0.0.0.0/0' if wanted.version == 4 else '::/0'}'`",
    )  # fmt: skip


def _vnis(known: Between, wanted: tuple[Vni, ...], found: Seen, named: _Named) -> Iterator[Finding | None]:
    for vni in wanted:
        if "zebra" not in found.away:
            yield _vni(known, vni, found, named)
        if "bgpd" not in found.away:
            yield _label(vni, found)


def _vni(known: Between, wanted: Vni, found: Seen, named: _Named) -> Finding | None:
    there = found.vnis.get(wanted.number)
    remotes = {
        address: node
        for address, node in wanted.remotes
        if not known.lacks(node, "bgpd", "zebra") and node not in named.sessions
    }
    faults = ["no such VNI"] if there is None else _vni_faults(wanted, there, remotes)
    if not faults:
        return None
    expects = f"up in {wanted.vrf}, VTEP {wanted.vtep}"
    expects += f", remote VTEPs {', '.join(remotes)}" if remotes else ""
    return Finding(
        found.host, "VNI", f"{wanted.type}VNI {wanted.number} ({wanted.name})", expects, "; ".join(faults), "R3",
        "what guests send to other hosts is not encapsulated, or does not arrive",
        f"see its devices: `trellis check {found.host}`, `ip -d link show type vxlan`; then "
        f"`vtysh -c 'show evpn vni {wanted.number}'`",
    )  # fmt: skip


def _vni_faults(wanted: Vni, there: SeenVni, remotes: Mapping[str, str]) -> list[str]:
    """Return in what a VNI is not as wanted; a VTEP that nobody planned is told, whoever is down."""
    pairs = (("", there.state, "Up"), ("in ", there.vrf, wanted.vrf), ("VTEP ", there.vtep, wanted.vtep))
    faults = [f"{word}{is_now}" for word, is_now, planned in pairs if is_now != planned]
    lacking = [f"{address} ({node})" for address, node in remotes.items() if address not in there.remotes]
    strange = sorted(there.remotes - {address for address, _ in wanted.remotes})
    faults += [f"without remote VTEP {', '.join(lacking)}"] if lacking else []
    return faults + ([f"with remote VTEP {', '.join(strange)}, which nobody planned"] if strange else [])


def _label(wanted: Vni, found: Seen) -> Finding | None:
    there = found.labels.get(wanted.number)
    faults = ["bgpd does not know it"] if there is None else _label_faults(wanted, there)
    if not faults:
        return None
    return Finding(
        found.host, "VNI", f"RD and RTs of {wanted.type}VNI {wanted.number} ({wanted.name})",
        f"RD {wanted.distinguisher}*, RT {wanted.target}", "; ".join(faults), "R3",
        "other hosts do not take its routes, or it takes those of another zone",
        f"nobody sets them by hand: see `trellis check {found.host}` and the host's ASN",
    )  # fmt: skip


def _label_faults(wanted: Vni, there: SeenLabel) -> list[str]:
    faults = [] if there.distinguisher.startswith(wanted.distinguisher) else [f"RD {there.distinguisher or 'none'}"]
    for what, targets in (("imports", there.imports), ("exports", there.exports)):
        if targets != {wanted.target}:
            faults.append(f"{what} {', '.join(sorted(targets)) or 'nothing'}")
    return faults


def _ping(wanted: Ping, found: Seen, named: _Named) -> Iterator[Finding | None]:
    whole, small = found.pings.get((wanted.source, wanted.target, wanted.size), (False, False))
    if whole:
        yield None
        return
    told = (wanted.over, wanted.node) in named.links if wanted.over is not None else wanted.node in named.sessions
    if not small and told:
        return
    over = f"on {wanted.over}" if wanted.over is not None else "from VTEP to VTEP"
    yield Finding(
        found.host, "MTU", f"{wanted.target} ({wanted.node}) {over}", f"{wanted.size} bytes arrive and are answered",
        "small packets do, these do not" if small else "nobody answers", "",
        "sessions come up and data does not pass: what is too large is lost without a word",
        f"compare the MTU on the way: `ip link` here and on {wanted.node}, and the switches between them; try "
        f"`ping -M do -s {wanted.size - (28 if '.' in wanted.target else 48)} -I {wanted.source} {wanted.target}`",
    )  # fmt: skip

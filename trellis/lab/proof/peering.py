"""The control plane's sessions: OSPF on every link, iBGP, edges from both sides, guests here and not elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.fabric import VERSIONS, Address, Fabric
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import Neighbour, bfd_peers, bgp_peer, bgp_summary, ospf_neighbours
from trellis.site import AttachedGuest

Evidence = Mapping[Question, Answer]

_GUEST_FAMILIES = frozenset({"ipv4Unicast", "ipv6Unicast"})


def underlay(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """OSPFv2 and OSPFv3 on each host's end of each link."""
    for name, link in sorted(fabric.site.links.items()):
        for host in (end for end in fabric.hosts if end in link.ends):
            others = {str(fabric.loopback(end, 4)): end for end in link.ends if end != host}
            for version in VERSIONS:
                answer = evidence[ask.ospf(host, version)]
                heard = [
                    found
                    for found in ospf_neighbours(answer.json(), version)
                    if found.interface == link.ends[host].interface
                ]
                adjacent = {found.router_id for found in heard if _adjacent(found)}
                seen = ", ".join(f"{others.get(n.router_id, n.router_id)} {n.state}/{n.role}" for n in heard)
                full = any(found.state == "Full" for found in heard)
                yield judged(
                    f"{name}: OSPFv{2 if version == 4 else 3} of {host}",
                    Group.UNDERLAY,
                    f"{', '.join(others.values())} Full{' (2-Way between DROthers)' if len(others) > 1 else ''}",
                    seen or "no neighbour",
                    adjacent == set(others) and full,
                    answer,
                )


def _adjacent(found: Neighbour) -> bool:
    """Whether two routers have come as far as they are meant to (RFC 2328 10.4: DROthers stay at 2-Way)."""
    return found.state == "Full" or (found.state == "2-Way" and found.role == "DROther")


def mesh(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The iBGP sessions of each host, one per IP version and peer."""
    for host in fabric.hosts:
        for peer in fabric.mesh_peers(host):
            for version in VERSIONS:
                families = fabric.mesh_families(version)
                address = fabric.loopback(peer, version)
                yield _session(f"{host} to {peer}", Group.MESH, host, address, families, evidence)


def edges(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The sessions between hosts and edges, asked of both."""
    for edge in sorted(fabric.site.edges):
        for host in fabric.hosts:
            for near, far in ((host, edge), (edge, host)):
                for version in VERSIONS:
                    families = frozenset({f"ipv{version}Unicast"})
                    address = fabric.loopback(far, version)
                    yield _session(f"{near} to {far}", Group.EDGE_SESSIONS, near, address, families, evidence)


def _session(name: str, group: Group, node: str, peer: Address, families: frozenset[str], evidence: Evidence) -> Row:
    answer = evidence[ask.neighbour(node, peer)]
    found = bgp_peer(answer.json(), str(peer))
    return judged(
        f"{name}, IPv{peer.version}",
        group,
        f"Established: {_listed(families)}",
        _told(found.state, found.families, found.uptime),
        found.state == "Established" and found.families == families,
        answer,
    )


def guests(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """Each guest's session on the host that it is on, and on no other."""
    for guest in fabric.guests:
        host = fabric.place(guest)
        answer = evidence[ask.neighbour(host, guest.ipv6, guest.zone)]
        found = bgp_peer(answer.json(), str(guest.ipv6))
        yield judged(
            f"{guest.name} (AS{guest.asn}) on {host}",
            Group.GUEST_SESSIONS,
            f"Established: {_listed(_GUEST_FAMILIES)}",
            _told(found.state, found.families, found.uptime),
            found.state == "Established" and found.families == _GUEST_FAMILIES,
            answer,
        )
        yield from _elsewhere(fabric, guest, evidence)


def _elsewhere(fabric: Fabric, guest: AttachedGuest, evidence: Evidence) -> Iterator[Row]:
    others = [name for name in fabric.nodes_of(guest.zone) if name != fabric.place(guest)]
    if not others:
        return
    answers = [evidence[ask.summary(host, guest.zone)] for host in others]
    states = {
        answer.question.node: bgp_summary(answer.json()).get(str(guest.ipv6), {}).get("state", "absent")
        for answer in answers
    }
    heard = all(answer.status == 0 for answer in answers)
    yield judged(
        guest.name,
        Group.GUEST_ELSEWHERE,
        f"not Established on {', '.join(others)}",
        ", ".join(f"{host} {state}" for host, state in states.items()),
        heard and "Established" not in states.values(),
        *answers,
    )


def bfd(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """BFD of each host: with the ends of its links, the other hosts, the edges, and its own guests that have it."""
    for host in fabric.hosts:
        answer = evidence[ask.bfd(host)]
        peers = bfd_peers(answer.json())
        up = {entry.peer for entry in peers if entry.up}
        down = sorted(str(entry.peer) for entry in peers if entry.vrf == "default" and not entry.up)
        wanted = set(_bfd_of(fabric, host))
        missing = sorted(str(address) for address in wanted - up)
        seen = f"{len(wanted & up)} of {len(wanted)} up"
        seen += f", not {', '.join(dict.fromkeys((*missing, *down)))}" if missing or down else ""
        yield judged(host, Group.BFD, f"all {len(wanted)} up", seen, not missing and not down and bool(peers), answer)


def _bfd_of(fabric: Fabric, host: str) -> Iterator[Address]:
    for node in (*fabric.mesh_peers(host), *fabric.site.edges):
        yield from (fabric.loopback(node, version) for version in VERSIONS)
    for link in fabric.site.links.values():
        others = [end.ipv4 for name, end in link.ends.items() if host in link.ends and name != host]
        yield from (end.ip for end in others if end is not None)
    yield from (guest.ipv6 for guest in fabric.guests_on(host) if guest.resilience == "fast_failure")


def _listed(families: frozenset[str]) -> str:
    return " + ".join(sorted(families))


def _told(state: str, families: frozenset[str], uptime: str) -> str:
    return f"{state}{': ' + _listed(families) if families else ''}{f', up {uptime}' if uptime else ''}"

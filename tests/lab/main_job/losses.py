"""What a running lab has, measured so that two moments can be compared: adjacencies, sessions, routes, guests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from trellis.lab import network
from trellis.lab.evidence import WAITING_AT_ONCE
from trellis.lab.proof import ask, sessions
from trellis.lab.proof.fabric import VERSIONS, Fabric
from trellis.lab.proof.prove import ask_twin, fabric_of
from trellis.lab.proof.spoken import echoes, ospf_neighbours, routes
from trellis.lab.twin import Twin

Session = tuple[str, frozenset[str], str, str | None]
"""Kind, both ends, family, and the link of an OSPF adjacency: as `trellis what-if --json` has them."""
Pair = frozenset[str]


@dataclass(frozen=True)
class Moment:
    """What the living nodes of a lab have.

    Args:
        sessions: Of OSPF, between hosts, with edges, and of guests.
        edge_routes: (Edge, prefix) -> the hosts that the edge sends it to.
        answering: The guests that answer to behind the edge.
        pairs: The pairs of guests of one zone that reach each other.
    """

    sessions: frozenset[Session]
    edge_routes: Mapping[tuple[str, str], tuple[str, ...]]
    answering: frozenset[str]
    pairs: frozenset[Pair]


def measured(dev: Twin, dead: frozenset[str] = frozenset()) -> Moment:
    """Ask everybody but `dead`; what only the dead could say of themselves is gone."""
    fabric = fabric_of(dev)
    living = [node for node in (*fabric.hosts, *sorted(fabric.site.edges)) if node not in dead]
    return Moment(
        frozenset({*_adjacencies(dev, fabric, living), *_bgp(dev, fabric, dead)}),
        _edge_routes(dev, fabric),
        _answering(dev, fabric),
        _pairs(dev, fabric, dead),
    )


def _adjacencies(dev: Twin, fabric: Fabric, living: list[str]) -> Iterable[Session]:
    nodes = {str(fabric.loopback(node, 4)): node for node in (*fabric.hosts, *fabric.site.edges)}
    evidence = ask_twin(dev, [ask.ospf(node, version) for node in living for version in VERSIONS])
    for node in living:
        links = {link.ends[node].interface: name for name, link in fabric.site.links.items() if node in link.ends}
        for version in VERSIONS:
            for found in ospf_neighbours(evidence[ask.ospf(node, version)].json(), version):
                if found.state in ("Full", "2-Way"):
                    yield "ospf", frozenset({node, nodes[found.router_id]}), f"ipv{version}", links[found.interface]


def _bgp(dev: Twin, fabric: Fabric, dead: frozenset[str]) -> Iterable[Session]:
    nodes = {
        str(fabric.loopback(node, version)): node
        for node in (*fabric.hosts, *fabric.site.edges)
        for version in VERSIONS
    }
    guests = {str(guest.ipv6): guest.name for guest in fabric.guests}
    for (node, _, peer), state in sessions(dev, without=dead).items():
        if state.state != "Established":
            continue
        family = f"ipv{6 if ':' in peer else 4}"
        if peer in guests:
            yield "guest", frozenset({node, guests[peer]}), family, None
        else:
            kind = "edge" if {node, nodes[peer]} & fabric.site.edges.keys() else "ibgp"
            yield kind, frozenset({node, nodes[peer]}), family, None


def _edge_routes(dev: Twin, fabric: Fabric) -> dict[tuple[str, str], tuple[str, ...]]:
    hosts = {fabric.loopback(host, version): host for host in fabric.hosts for version in VERSIONS}
    asked = {(edge, version): ask.all_routes(edge, version) for edge in fabric.site.edges for version in VERSIONS}
    evidence = ask_twin(dev, list(asked.values()))
    return {
        (edge, str(prefix)): tuple(sorted(hosts[hop] for hop in found.next_hops))
        for (edge, _), question in asked.items()
        for prefix, found in routes(evidence[question].json()).items()
        if found.protocol == "bgp"
    }


def _answering(dev: Twin, fabric: Fabric) -> frozenset[str]:
    """The guests that answer on all of their addresses to a host behind the edge."""
    inside = ["ip", "netns", "exec", network.namespace_of(dev.stack, "upstream")]
    asked = [(guest.name, address) for guest in fabric.guests for address in fabric.sources(guest)]

    def answers(entry: tuple[str, object]) -> bool:
        ping = [*inside, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", str(entry[1])]
        return echoes(subprocess.run(ping, capture_output=True, text=True, check=False).stdout).steady

    with ThreadPoolExecutor(len(asked)) as pool:
        silent = {name for (name, _), heard in zip(asked, pool.map(answers, asked), strict=True) if not heard}
    return frozenset({name for name, _ in asked} - silent)


def _pairs(dev: Twin, fabric: Fabric, dead: frozenset[str]) -> frozenset[Pair]:
    asked = {
        (one.name, other.name, source.version): ask.ping(
            fabric.place(one), one.name, source, target, ask.PING_PATIENCE_S
        )
        for one in fabric.guests
        if fabric.place(one) not in dead
        for other in fabric.guests
        if other.zone == one.zone and other.name != one.name
        for source in fabric.sources(one)
        for target in fabric.sources(other)
        if source.version == target.version
    }
    evidence = ask_twin(dev, list(asked.values()), at_once=WAITING_AT_ONCE)
    lost = {frozenset(names[:2]) for names, question in asked.items() if not echoes(evidence[question].output).steady}
    return frozenset(frozenset(names[:2]) for names in asked) - lost

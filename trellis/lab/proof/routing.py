"""Routes where they belong: guests and subnets at the edges, the default in the guests, each zone by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trellis.lab.evidence import Answer, Question
from trellis.lab.proof import ask
from trellis.lab.proof.declared import leaked_to
from trellis.lab.proof.fabric import VERSIONS, Address, Fabric, Prefix, vrf_of
from trellis.lab.proof.row import Group, Row, judged
from trellis.lab.proof.spoken import advertised, bgp_prefixes, default_via, device, routes

Evidence = Mapping[Question, Answer]

_IN_THE_KERNEL = {"frr": "bgp", "bird2": "bird"}
"""As which protocol `ip route` shows what a guest's speaker has learned: zebra names BGP, BIRD itself."""


def expected_at_edges(fabric: Fabric) -> Iterator[tuple[str, Group, Prefix, frozenset[Address]]]:
    """Every tenant route that an edge has to have: name, group, prefix, next hops."""
    for guest in fabric.guests:
        for kind, prefixes in (("loopback", guest.loopbacks), ("pods", guest.pods)):
            for prefix in prefixes:
                hop = frozenset({fabric.loopback(fabric.place(guest), prefix.version)})
                yield f"{guest.name} {kind} {prefix}", Group.EDGE_GUESTS, prefix, hop
    for name, vnet in sorted(fabric.site.vnets.items()):
        for prefix in fabric.subnets(name):
            hops = frozenset(fabric.loopback(host, prefix.version) for host in fabric.nodes_of(vnet.zone))
            yield f"{name} {prefix}", Group.EDGE_SUBNETS, prefix, hops


def exports(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """What each host tells edges, its own guests' routes and no other's (R2), and hosts, nothing of tenants (R3).

    Its table has the routes of others' guests, too: packets for them pass it when an edge's way to theirs does.
    """
    for host in fabric.hosts:
        optional = [prefix for guest in fabric.guests_on(host) for prefix in (*guest.services, *guest.extra)]
        optional += [pool for guest in fabric.guests_on(host) for pool, _ in guest.pod_pools]
        for version in VERSIONS:
            own = fabric.exported(host, version)
            for edge in sorted(fabric.site.edges):
                answer = evidence[ask.advertised(host, fabric.loopback(edge, version))]
                told = advertised(answer.json())
                name = f"IPv{version} of {host} to {edge}"
                foreign = sorted(prefix for prefix in told - own if not _within(prefix, optional))
                yield _complete(name, Group.EXPORTS, "its own routes", own - told, foreign, len(own), answer)
            for peer in fabric.mesh_peers(host):
                yield _told_over_the_mesh(fabric, host, peer, version, evidence)


def _told_over_the_mesh(fabric: Fabric, host: str, peer: str, version: int, evidence: Evidence) -> Row:
    answer = evidence[ask.advertised(host, fabric.loopback(peer, version))]
    brought = frozenset(prefix for edge in fabric.site.edges.values() for prefix in edge.accepts)
    strange = sorted(p for p in advertised(answer.json()) - brought if p.prefixlen > 0)
    return judged(
        f"IPv{version} of {host} to {peer}",
        Group.EXPORTS,
        "what an edge brought, nothing else",
        f"foreign: {_listed(strange)}" if strange else "nothing foreign",
        answer.status == 0 and not strange,
        answer,
    )


def at_edges(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The tenants' routes in each edge's table, by the right next hops, and no other route of the fabric's."""
    for edge in sorted(fabric.site.edges):
        for name, group, prefix, hops in expected_at_edges(fabric):
            answer = evidence[ask.route(edge, prefix)]
            found = routes(answer.json()).get(prefix)
            seen = "no route"
            if found is not None:
                seen = f"via {_listed(found.next_hops)}{'' if found.installed else ', not in the kernel'}"
            yield judged(
                f"{name} at {edge}",
                group,
                f"via {_listed(hops)}",
                seen,
                found is not None and found.protocol == "bgp" and found.installed and found.next_hops == hops,
                answer,
            )
        for version in VERSIONS:
            yield _nothing_else(fabric, edge, version, evidence)


def _nothing_else(fabric: Fabric, edge: str, version: int, evidence: Evidence) -> Row:
    answer = evidence[ask.bgp_table(edge, version)]
    table = bgp_prefixes(answer.json())
    wanted = {prefix for _, _, prefix, _ in expected_at_edges(fabric) if prefix.version == version}
    # Host routes out of a cluster's service pool and what a guest may announce further come and go with services.
    optional = [p for guest in fabric.guests for p in (*guest.services, *guest.extra, *guest.loopbacks)]
    optional += [pool for guest in fabric.guests for pool, _ in guest.pod_pools]
    strange = sorted(p for p in table - wanted if p.prefixlen > 0 and not _within(p, optional))
    return judged(
        f"IPv{version} at {edge}",
        Group.EDGE_NOTHING_ELSE,
        "no route of links, loopbacks of hosts, or strangers",
        f"{len(table)} routes" + (f", of them {_listed(strange)}" if strange else ", all of tenants, or the default"),
        bool(table) and not strange,
        answer,
    )


def defaults(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """The default route in each guest's kernel: by its speaker, by way of the anycast gateway."""
    if not fabric.site.edges:
        return
    for guest in fabric.guests:
        host, speaker = fabric.place(guest), _IN_THE_KERNEL[guest.speaker]
        bridge = evidence[ask.device(host, guest.vnet)]
        there = device(bridge.json())
        gateways = frozenset(fabric.gateways(guest.vnet)) | (there.link_locals if there else frozenset())
        for version in VERSIONS:
            answer = evidence[ask.default_route(host, guest.name, version)]
            protocol, via = default_via(answer.json())
            yield judged(
                f"{guest.name}, IPv{version}",
                Group.DEFAULTS,
                f"by {speaker}, via the anycast gateway",
                f"by {protocol}, via {_listed(via)}" if protocol else "no default route",
                protocol == speaker and bool(via) and via <= gateways,
                answer,
                bridge,
            )


def isolation(fabric: Fabric, evidence: Evidence) -> Iterator[Row]:
    """In each zone's VRF, on each host: all of its own routes, and none of another zone's tenants."""
    for zone in sorted(fabric.site.zones):
        for host in fabric.nodes_of(zone):
            for version in VERSIONS:
                kernel, bgp = (
                    evidence[ask.all_routes(host, version, zone)],
                    evidence[ask.bgp_table(host, version, zone)],
                )
                yield _isolated(fabric, zone, "routes", kernel, frozenset(routes(kernel.json())), version)
                yield _isolated(fabric, zone, "BGP table", bgp, bgp_prefixes(bgp.json()), version)


def _isolated(fabric: Fabric, zone: str, what: str, answer: Answer, table: frozenset[Prefix], version: int) -> Row:
    own = fabric.own_routes(zone, version)
    foreign = fabric.others_ranges(zone, version) - leaked_to(fabric, zone, version)
    return _complete(
        f"{vrf_of(zone)}, IPv{version} {what} of {answer.question.node}",
        Group.ISOLATION,
        "its own",
        own - table,
        sorted(prefix for prefix in table if prefix.prefixlen > 0 and _touches(prefix, foreign)),
        len(own),
        answer,
    )


def _complete(
    name: str, group: Group, own: str, lacking: Iterable[Prefix], foreign: Sequence[Prefix], count: int, answer: Answer
) -> Row:
    """A row about a table that has to hold `count` routes, and no foreign one."""
    missing = sorted(lacking)
    seen = f"{count - len(missing)} of {count} of {own}"
    seen += f" (not {_listed(missing)})" if missing else ""
    seen += f", foreign: {_listed(foreign)}" if foreign else ", nothing foreign"
    return judged(name, group, f"all {count} of {own}, nothing foreign", seen, not missing and not foreign, answer)


def _within(prefix: Prefix, ranges: Iterable[Prefix]) -> bool:
    return any(prefix.version == known.version and prefix.subnet_of(known) for known in ranges)  # type: ignore[arg-type]


def _touches(prefix: Prefix, ranges: Iterable[Prefix]) -> bool:
    return any(prefix.version == known.version and prefix.overlaps(known) for known in ranges)


def _listed(values: Iterable[Address | Prefix]) -> str:
    return ", ".join(sorted(map(str, values))) or "nothing"

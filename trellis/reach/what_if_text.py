"""Consequences as a person reads them: who is lost first, then what is at stake, then what moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from trellis.reach.consequences import Consequences, LostUpstream, MovedPath, Redundancy, Separated

_MOST_LINES, _MOST_NAMES = 12, 6
"""Lines of one kind, and names on a line, that are told; the rest is counted."""


def what_if_text(found: Consequences) -> str:
    """Return the consequences as text, each line ended."""
    down = (*found.down.hosts, *found.down.edges, *found.down.links, *found.down.ports)
    verdict = "nobody who runs loses anybody" if found.harmless else "somebody is lost"
    if found.harmless and found.lost_redundancy:
        verdict += ", with less in reserve"
    lines = [f"without {', '.join(down)}: {verdict}"]
    for title, told in (
        ("unreachable guests", _guests(found)),
        ("no way to the internet, or no way back", list(_upstream(found))),
        ("apart from each other", list(_apart(found.separated))),
        ("clusters", _clusters(found)),
        ("zones without a host", list(found.zones_without_hosts)),
        ("the fabric falls into parts", [", ".join(part) for part in found.partitions]),
        ("sessions that go", list(_sessions(found))),
        ("less redundancy", list(_redundancy(found.lost_redundancy))),
        ("default routes that change", list(_defaults(found))),
        ("traffic that moves", list(_moved(found.moved_paths))),
        ("routes at the edges", list(_edge_routes(found))),
    ):
        if told:
            lines += [f"  {title}:", *(f"    {line}" for line in _short(told))]
    return "\n".join(lines) + "\n"


def _guests(found: Consequences) -> list[str]:
    told = []
    for guest in found.unreachable_guests:
        where = " or ".join(guest.may_start_on)
        told.append(f"{guest.guest} on {guest.host} ({guest.reason}); may start on {where or 'no other host'}")
    return told


def _upstream(found: Consequences) -> Iterator[str]:
    alike: dict[str, list[LostUpstream]] = {}
    for lost in found.lost_upstream:
        alike.setdefault(lost.why.partition(":")[0], []).append(lost)
    for group in alike.values():
        guests = dict.fromkeys(lost.guest for lost in group)
        yield f"{_listed(list(guests))}, {_families(group)}; {group[0].guest}: {group[0].why}"


def _apart(found: tuple[Separated, ...]) -> Iterator[str]:
    """Yield each reason once, with the hosts that it parts."""
    titles = {"loopback": "loopbacks", "own": "addresses on the VNet", "pods": "pods"}
    alike: dict[tuple[str, str], list[Separated]] = {}
    for apart in found:
        alike.setdefault((apart.addresses, apart.why.partition(":")[0]), []).append(apart)
    for (addresses, _), group in alike.items():
        pairs = dict.fromkeys(f"{one.zone} {one.a}" + (f"-{one.b}" if one.a != one.b else "") for one in group)
        yield f"{titles[addresses]}, {_families(group)}: {_listed(list(pairs))}; the first: {group[0].why}"


def _families(found: Iterable[LostUpstream | Separated]) -> str:
    return " and ".join(map(_ip, sorted({one.family for one in found})))


def _clusters(found: Consequences) -> list[str]:
    return [
        f"{state.cluster} {'keeps its quorum' if state.keeps_quorum else 'LOSES ITS QUORUM'}: "
        f"{state.control_planes_left} of {state.control_planes} control planes, "
        f"{state.nodes - len(state.nodes_lost)} of {state.nodes} nodes"
        for state in found.clusters
    ]


def _sessions(found: Consequences) -> Iterator[str]:
    titles = {"edge": "with edges", "guest": "with guests", "ibgp": "iBGP", "ospf": "OSPF adjacencies"}
    for kind, title in titles.items():
        pairs = Counter((lost.a, lost.b, lost.link) for lost in found.lost_sessions if lost.kind == kind)
        if pairs:
            named = [f"{a}-{b}{f' ({link})' if link else ''}" for a, b, link in pairs]
            yield f"{pairs.total()} {title}: {_listed(named)}"


def _redundancy(found: tuple[Redundancy, ...]) -> Iterator[str]:
    """Yield each loss once with all that share it."""
    alike: dict[tuple[str, int, int], list[str]] = {}
    for less in found:
        alike.setdefault((less.what, less.before, less.after), []).append(less.who)
    titles = {
        "edges": "sessions with {after} of {before} edges",
        "links": "{after} of {before} links",
        "hosts": "zone on {after} of {before} hosts",
        "placement": "may run on {after} of {before} hosts",
        "route reflectors": "{after} of {before} route reflectors",
    }
    for (what, before, after), names in alike.items():
        yield f"{titles[what].format(before=before, after=after)}: {_listed(names)}"


def _defaults(found: Consequences) -> Iterator[str]:
    alike: dict[tuple[str, str], list[str]] = {}
    for route in found.default_routes:
        change = (", ".join(route.before) or "none", ", ".join(route.after) or "none")
        alike.setdefault(change, []).append(f"{route.host} {_ip(route.family)}")
    for (before, after), hosts in alike.items():
        yield f"by {before}, then by {after}: {_listed(hosts)}"


def _moved(found: tuple[MovedPath, ...]) -> Iterator[str]:
    for moved in found:
        before, after = (_paths(paths) for paths in (moved.before, moved.after))
        segment = ", a shared segment" if moved.onto_segment else ""
        yield f"{moved.a} to {moved.b}: {before} (cost {moved.cost_before}), then {after} ({moved.cost_after}{segment})"


def _edge_routes(found: Consequences) -> Iterator[str]:
    for edge in dict.fromkeys(route.edge for route in found.edge_routes):
        own = [route for route in found.edge_routes if route.edge == edge]
        gone = [route.prefix for route in own if not route.after]
        if gone:
            yield f"{edge} loses {len(gone)}: {_listed(gone)}"
        if len(own) > len(gone):
            yield f"{edge} has fewer or other next hops for {len(own) - len(gone)}"


def _paths(paths: tuple[tuple[str, ...], ...]) -> str:
    return " or ".join(" + ".join(path) for path in paths[:2]) + (" or ..." if len(paths) > 2 else "")


def _short(told: list[str]) -> Iterable[str]:
    left = len(told) - _MOST_LINES
    return told if left <= 0 else [*told[:_MOST_LINES], f"and {left} more (--json has all)"]


def _listed(names: list[str]) -> str:
    left = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {left} more" if left > 0 else "")


def _ip(family: str) -> str:
    return "IPv4" if family == "ipv4" else "IPv6"

"""Route-maps: what crosses from one table or speaker to another, and with which marks.

Rules R2 to R7 and R11 are made here; ``trellis.plan.rules`` asserts them on the result.  What no entry permits
is denied, as FRR does.  Of two families only the entry whose prefix-list is of the route's own family matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from trellis.plan import names
from trellis.plan.filter_model import IpKeyword, PrefixList, RouteMap, RouteMapEntry
from trellis.plan.names import FABRIC, INTERNAL, PUBLIC, TENANT, Marks

OWN_DEFAULT_PREFERENCE = 200
"""Local preference of the default by the host's own edge session (R6; FRR's own is 100)."""
OTHERS_DEFAULT_PREFERENCE = 50
"""Local preference of the default by another host's edge session."""
ELSEWHERE_PREFERENCE = 50
"""Local preference in the global table of what a guest of another host announced (FRR's own is 100)."""

_FAMILIES: tuple[IpKeyword, ...] = ("ip", "ipv6")


def edge(marks: Marks) -> Iterator[RouteMap]:
    """Yield the filters towards an edge: in, the default of class fabric; out, what this host alone can deliver."""
    accepted = RouteMapEntry(
        set_communities=(marks.standard(FABRIC),),
        set_large_community=marks.large(FABRIC),
        clear_extended=True,
        local_preference=OWN_DEFAULT_PREFERENCE,
    )
    yield _numbered(names.EDGE_IN, _either_family(names.UPSTREAM, accepted))
    yield _numbered(
        names.EDGE_OUT,
        (
            *_either_family(names.INFRASTRUCTURE, RouteMapEntry("deny")),
            RouteMapEntry(community_list=names.EXPORTED, delete_communities=names.EXPORTED),
        ),
    )


def fabric() -> Iterator[RouteMap]:
    """Yield the filters of the iBGP mesh's unicast families: the default alone, as a second choice (R3, R6)."""
    second_choice = RouteMapEntry(local_preference=OTHERS_DEFAULT_PREFERENCE)
    yield _numbered(names.FABRIC_IN, _either_family(names.UPSTREAM, second_choice))
    yield _numbered(names.FABRIC_OUT, _either_family(names.UPSTREAM, RouteMapEntry()))


def between_tables(marks: Marks) -> Iterator[RouteMap]:
    """Yield the filters of a VRF: its subnets in, its local routes out, the default in, type-5 out (R2, R4)."""
    subnet = RouteMapEntry(
        set_communities=(marks.connected_here, marks.standard(TENANT)), set_large_community=marks.large(TENANT)
    )
    yield _numbered(names.CONNECTED, _either_family(names.SUBNETS, subnet))
    here = RouteMapEntry(community_list=names.EXPORTED)
    # Of guests elsewhere, without the mark: packets for them pass this host when the edge's way to theirs does.
    elsewhere = RouteMapEntry(community_list=names.TENANTS, local_preference=ELSEWHERE_PREFERENCE)
    yield _numbered(names.FROM_VRFS, [here, elsewhere])
    yield _numbered(names.INTO_VRF, _either_family(names.UPSTREAM, RouteMapEntry()))
    learned_here = RouteMapEntry(community_list=names.LEARNED_HERE, delete_communities=names.EXPORTED)
    yield _numbered(names.EVPN_OUT, [learned_here])


def next_hops() -> RouteMap:
    """Return the filter of the routes by which BGP looks up next hops: never by what an edge brought.

    Next hops between hosts and edges are loopbacks, which OSPF knows as long as they are there.  By the default, what a
    dead host or edge announced would stay in use until BFD between the loopbacks ends the session.
    """
    return _numbered(names.NEXT_HOPS, [*_either_family(names.UPSTREAM, RouteMapEntry("deny")), RouteMapEntry()])


def told(name: str, loopbacks_of: str | None) -> RouteMap:
    """Return the filter of what guests are told: the default, and their peers' loopbacks if asked.

    Args:
        name: The route-map's name.
        loopbacks_of: The tenant whose loopbacks they are told; None for none.
    """
    entries = [*_either_family(names.UPSTREAM, RouteMapEntry(delete_communities=names.EXPORTED))]
    if loopbacks_of is not None:
        entries += _either_family(
            names.tenant_loopbacks(loopbacks_of), RouteMapEntry(delete_communities=names.EXPORTED)
        )
    return _numbered(name, entries)


def of_guest(name: str, lists: Iterable[PrefixList], marks: Marks, classes: tuple[int, ...]) -> RouteMap:
    """Return the filter of what one guest may announce, one entry for each of its prefix-lists (R7, R11).

    Args:
        name: The guest.
        lists: Its own prefix-lists and its cluster's services.
        marks: The site's communities.
        classes: Classes that it may ask for.
    """
    entries = (
        entry for prefix_list in lists for entry in _accepted(prefix_list, marks, classes, _class_of(prefix_list.name))
    )
    return _numbered(names.guest_in(name), entries)


def of_open_vnet(vnet: str, lists: Iterable[PrefixList], marks: Marks, classes: tuple[int, ...]) -> RouteMap:
    """Return the filter of what undeclared guests of an open VNet may announce: what nobody has, in its ranges.

    Args:
        vnet: Id of the VNet.
        lists: Its lists, those of what is taken among them.
        marks: The site's communities.
        classes: Classes that its guests may ask for.
    """
    denied = [
        RouteMapEntry("deny", prefix_list=(found.family, found.name)) for found in lists if found.name.endswith("TAKEN")
    ]
    accepted = [
        entry
        for found in lists
        if not found.name.endswith("TAKEN")
        for entry in _accepted(found, marks, classes, TENANT)
    ]
    return _numbered(names.open_in(vnet), [*denied, *accepted])


def _accepted(
    prefix_list: PrefixList, marks: Marks, classes: tuple[int, ...], usual_class: int
) -> Iterator[RouteMapEntry]:
    """Yield the entries that accept what a list matches: as a class that is asked for, else as the usual one."""
    wished = tuple((route_class, names.class_list(route_class)) for route_class in classes)
    for route_class, asked_by in (*wished, (usual_class, None)):
        yield RouteMapEntry(
            prefix_list=(prefix_list.family, prefix_list.name),
            community_list=asked_by,
            set_communities=(marks.learned_here, marks.standard(route_class)),
            set_large_community=marks.large(route_class),
            clear_extended=True,
            prefer_global=prefix_list.family == "ipv6",
        )


def settled(route_map: RouteMap, defined: Set[tuple[IpKeyword, str]]) -> RouteMap:
    """Return ``route_map`` without entries whose prefix-list does not exist: they match nothing.

    A VNet or tenant without IPv4 has no IPv4 list.  FRR takes a reference to an undefined list without a word, so a
    misspelt one could not be told from one that is meant.

    Args:
        route_map: As it is for both families.
        defined: Family keyword and name of every prefix-list of the host.
    """
    kept = [entry for entry in route_map.entries if entry.prefix_list is None or entry.prefix_list in defined]
    return route_map if len(kept) == len(route_map.entries) else _numbered(route_map.name, kept)


def _class_of(list_name: str) -> int:
    if list_name.endswith("-SERVICES"):
        return PUBLIC
    return INTERNAL if list_name.endswith("-PODS") else TENANT


def _either_family(prefix_list: str, entry: RouteMapEntry) -> list[RouteMapEntry]:
    return [replace(entry, prefix_list=(keyword, prefix_list)) for keyword in _FAMILIES]


def _numbered(name: str, entries: Iterable[RouteMapEntry]) -> RouteMap:
    """Return the route-map, its entries numbered; one that permits nothing says so, as FRR has no empty one."""
    found = list(entries) or [RouteMapEntry("deny")]
    return RouteMap(name, tuple(replace(entry, seq=seq) for seq, entry in enumerate(found, start=1)))

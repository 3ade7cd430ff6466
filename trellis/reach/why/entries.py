"""What decides at a filter, named as FRR prints it: the entry of the route-map, and that of the list it matches by."""

from __future__ import annotations

from trellis.plan.filter_model import PrefixEntry, RouteMapEntry
from trellis.plan.rules.filters import Filters, Route
from trellis.reach.why.model import Entry


def written(found: PrefixEntry) -> str:
    """Return an entry of a prefix-list as FRR prints it, without its number."""
    ge = f" ge {found.ge}" if found.ge is not None else ""
    le = f" le {found.le}" if found.le is not None else ""
    return f"{found.action} {found.prefix}{ge}{le}"


def of_route_map(filters: Filters, name: str, route: Route) -> tuple[Entry, tuple[str, ...]]:
    """Return the entry of a route-map that decides on a route, and in words why none before it does.

    Args:
        filters: The host's filters.
        name: The route-map.
        route: The route.
    """
    deciding = filters.deciding(name, route)
    missed: dict[str, list[str]] = {}
    for entry in sorted(filters.entries(name), key=lambda found: found.seq):
        if entry == deciding:
            break
        why = _missed(filters, entry, route)
        if why is not None:
            missed.setdefault(f"{entry.action}, {why}", []).append(str(entry.seq))
    tried = tuple(f"seq {' '.join(numbers)} {why}" for why, numbers in missed.items())
    if deciding is None:
        return Entry(f"route-map {name}: no entry matches, which denies", name), tried
    return _entry(filters, name, deciding, route), tried


def of_path_list(filters: Filters, name: str, path: tuple[int, ...]) -> Entry:
    """Return the entry of an AS-path list that decides on a path."""
    found = filters.deciding_on_path(name, *path)
    if found is None:
        return Entry(f"bgp as-path access-list {name}: no entry matches, which denies", name)
    seq, action, expression = found
    return Entry(f"bgp as-path access-list {name} seq {seq} {action} {expression}", name, seq, action)


def _entry(filters: Filters, name: str, deciding: RouteMapEntry, route: Route) -> Entry:
    text, list_name, list_seq = f"route-map {name} seq {deciding.seq} {deciding.action}", None, None
    if deciding.prefix_list is not None:
        keyword, list_name = deciding.prefix_list
        found = filters.listed_by(deciding.prefix_list, route.prefix)
        if found is not None:
            list_seq = found.seq
            text += f", {keyword} prefix-list {list_name} seq {found.seq} ({written(found)})"
    if deciding.community_list is not None:
        text += f", community-list {deciding.community_list}"
    return Entry(text, name, deciding.seq, deciding.action, list_name, list_seq)


def _missed(filters: Filters, entry: RouteMapEntry, route: Route) -> str | None:
    """Return why an entry does not match; None where it is of the other family, which says nothing."""
    if entry.prefix_list is not None:
        keyword, name = entry.prefix_list
        if (keyword == "ip") != (route.prefix.version == 4):
            return None
        found = filters.listed_by(entry.prefix_list, route.prefix)
        if found is None or found.action == "deny":
            by = "none of its entries is" if found is None else f"seq {found.seq} denies"
            return f"{keyword} prefix-list {name}: {by} {route.prefix}"
    wanted = " or ".join(sorted(filters.community_list(entry.community_list or "")))
    return f"community-list {entry.community_list}: the route has no {wanted}"

"""Filters run as FRR runs them: a route in, the route as it leaves the route-map out, or nothing.

The rules judge what a filter *does* to routes, not how it is written, so that a filter written otherwise that does
the same passes, and one that looks right and is not is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from trellis.plan.filter_model import Action, Policy, PrefixEntry, PrefixList, RouteMapEntry

AnyNetwork = IPv4Network | IPv6Network

Span = tuple[str, int, int]
"""A prefix, and the shortest and longest length that match inside it; both are its own where it matches exactly."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a filter sees of a route, and what it makes of it.

    Attributes:
        extended: Whether it carries extended communities, as a guest may attach them.
    """

    prefix: AnyNetwork
    communities: frozenset[str] = frozenset()
    large: frozenset[str] = frozenset()
    extended: bool = False
    local_preference: int = 100


def route_of(prefix: str, *communities: str) -> Route:
    """Return a route to probe a filter with."""
    return Route(network(prefix), frozenset(communities))


@cache
def network(prefix: str) -> AnyNetwork:
    """Return a prefix as a value; parsed once, since filters are run thousands of times."""
    return ip_network(prefix)


class Filters:
    """The filters of one host."""

    def __init__(self, policy: Policy) -> None:
        self._lists: dict[tuple[str, str], PrefixList] = {
            (found.family, found.name): found for found in policy.prefix_lists
        }
        self._communities = {found.name: frozenset(found.communities) for found in policy.community_lists}
        self._maps = {found.name: found for found in policy.route_maps}
        self._paths = {found.name: found for found in policy.as_path_lists}

    def community_list(self, name: str) -> frozenset[str]:
        """Return the communities of a list; none if it does not exist."""
        return self._communities.get(name, frozenset())

    def entries(self, route_map: str) -> tuple[RouteMapEntry, ...]:
        """Return the entries of a route-map; none if it does not exist."""
        found = self._maps.get(route_map)
        return found.entries if found is not None else ()

    def defines(self, route_map: str | None) -> bool:
        """Return whether a route-map of that name exists."""
        return route_map in self._maps

    def path_passes(self, name: str | None, *path: int) -> bool:
        """Return whether an AS-path list lets a path through; without a list every path passes, as in FRR.

        Args:
            name: The list's name; one that does not exist denies everything.
            path: The ASNs, the announcing speaker's first.
        """
        if name is None:
            return True
        entry = self.deciding_on_path(name, *path)
        return entry is not None and entry[1] == "permit"

    def deciding_on_path(self, name: str, *path: int) -> tuple[int, Action, str] | None:
        """Return the entry of an AS-path list that decides on a path; None if none matches, which denies it.

        Args:
            name: The list's name.
            path: The ASNs, the announcing speaker's first.
        """
        found = self._paths.get(name)
        text = " ".join(map(str, path))
        entries = sorted(found.entries) if found is not None else ()
        return next((entry for entry in entries if _path_expression(entry[2]).search(text)), None)

    def undefined(self) -> list[str]:
        """Return every list that a route-map refers to and that does not exist, as ``MAP seq: list``."""
        missing = []
        for route_map in self._maps.values():
            for entry in route_map.entries:
                where = f"{route_map.name} {entry.seq}"
                if entry.prefix_list is not None and entry.prefix_list not in self._lists:
                    missing.append(f"{where}: {' prefix-list '.join(entry.prefix_list)}")
                for name in (entry.community_list, entry.delete_communities):
                    if name is not None and name not in self._communities:
                        missing.append(f"{where}: community-list {name}")
        return missing

    def spans(self, route_map: str) -> set[Span | None]:
        """Return what the permitting entries of a route-map match by prefix; None is everything.

        Args:
            route_map: Its name.
        """
        found: set[Span | None] = set()
        for entry in self.entries(route_map):
            if entry.action == "permit":
                found |= {None} if entry.prefix_list is None else self.spans_of_list(entry.prefix_list)
        return found

    def spans_of_list(self, key: tuple[str, str]) -> set[Span | None]:
        """Return what the permitting entries of a prefix-list match."""
        prefix_list = self._lists.get(key)
        entries = prefix_list.entries if prefix_list is not None else ()
        return {span(entry) for entry in entries if entry.action == "permit"}

    def apply(self, route_map: str | None, route: Route) -> Route | None:
        """Return ``route`` as it leaves the route-map, or None if that denies it.

        Args:
            route_map: Its name; None is no filter at all.
            route: The route that comes in.
        """
        if route_map is None:
            return route
        entry = self.deciding(route_map, route)
        return None if entry is None or entry.action == "deny" else self._changed(entry, route)

    def deciding(self, route_map: str, route: Route) -> RouteMapEntry | None:
        """Return the entry of a route-map that decides on ``route``; None if none matches, which denies it."""
        entries = sorted(self.entries(route_map), key=lambda found: found.seq)
        return next((entry for entry in entries if self._matches(entry, route)), None)

    def _matches(self, entry: RouteMapEntry, route: Route) -> bool:
        if entry.prefix_list is not None and not self._listed(entry.prefix_list, route.prefix):
            return False
        return entry.community_list is None or bool(self.community_list(entry.community_list) & route.communities)

    def _listed(self, key: tuple[str, str], prefix: AnyNetwork) -> bool:
        entry = self.listed_by(key, prefix)
        return entry is not None and entry.action == "permit"

    def listed_by(self, key: tuple[str, str], prefix: AnyNetwork) -> PrefixEntry | None:
        """Return the entry of a prefix-list that decides on ``prefix``; None if none matches, which denies it.

        Args:
            key: Family keyword and name of the prefix-list.
            prefix: The prefix.
        """
        prefix_list = self._lists.get(key)
        if prefix_list is None or (key[0] == "ip") != (prefix.version == 4):
            return None
        for entry in sorted(prefix_list.entries, key=lambda found: found.seq):
            outer, shortest, longest = span(entry)
            if shortest <= prefix.prefixlen <= longest and prefix.subnet_of(network(outer)):  # type: ignore[arg-type]
                return entry
        return None

    def _changed(self, entry: RouteMapEntry, route: Route) -> Route:
        communities = route.communities
        if entry.delete_communities is not None:
            communities -= self.community_list(entry.delete_communities)
        if entry.set_communities:
            communities = frozenset(entry.set_communities)
        large = route.large if entry.set_large_community is None else frozenset({entry.set_large_community})
        preference = route.local_preference if entry.local_preference is None else entry.local_preference
        return replace(
            route,
            communities=communities,
            large=large,
            extended=route.extended and not entry.clear_extended,
            local_preference=preference,
        )


@cache
def _path_expression(expression: str) -> re.Pattern[str]:
    """Return a regular expression of FRR for AS paths: an underscore is a boundary between ASNs, or an end."""
    return re.compile(expression.replace("_", "(?:^|[,{}() ]|$)"))


def span(entry: PrefixEntry) -> Span:
    """Return which prefixes an entry of a prefix-list matches: inside of which, and of which lengths, inclusive."""
    own = int(entry.prefix.rsplit("/", 1)[1])
    longest = 128 if ":" in entry.prefix else 32
    if entry.ge is None and entry.le is None:
        return entry.prefix, own, own
    shortest = own if entry.ge is None else entry.ge
    return entry.prefix, shortest, longest if entry.le is None else entry.le

"""What a route-map does to every route there is, as sets: which prefixes it lets through, and what it makes of them.

A route-map decides on a route's prefix, and on which communities it has of those that its entries ask for.  So for each
combination of these the prefixes are sorted by the entry that decides on them: nothing is tried out, nothing left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

from trellis.diff.prefix_sets import NONE, PrefixSet, everything, permitted
from trellis.plan.filter_model import AsPathList, Policy, PrefixEntry, RouteMapEntry

Communities = frozenset[str]


@dataclass(frozen=True, slots=True)
class Made:
    """What is made of a route that passes: how it leaves the filter."""

    set_communities: tuple[str, ...] = ()
    deleted: Communities = frozenset()
    large: str | None = None
    cleared: bool = False
    preference: int | None = None
    prefers_global: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a route-map with the content of the lists that it names; None where it does not ask for any."""

    permits: bool
    prefixes: tuple[PrefixEntry, ...] | None
    communities: Communities | None
    makes: Made


Resolved = tuple[Entry, ...]
"""A route-map that needs no policy beside it."""

EVERYTHING: Resolved = (Entry(True, None, None, Made()),)
"""What no filter at all is."""


@dataclass
class Named:
    """The filters of a policy by name, each with the content of its lists.

    Attributes:
        policy: The policy.
    """

    policy: Policy
    _known: dict[str, Resolved] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lists = {(found.family, found.name): found.entries for found in self.policy.prefix_lists}
        self._communities = {found.name: frozenset(found.communities) for found in self.policy.community_lists}
        self._maps = {found.name: found.entries for found in self.policy.route_maps}
        self._paths = {found.name: found for found in self.policy.as_path_lists}

    def resolved(self, name: str | None) -> Resolved:
        """Return a route-map; one that does not exist lets nothing through, and without one all passes."""
        if name is None:
            return EVERYTHING
        if name not in self._known:
            entries = sorted(self._maps.get(name, ()), key=lambda entry: entry.seq)
            self._known[name] = tuple(map(self._entry, entries))
        return self._known[name]

    def paths(self, name: str | None) -> AsPathList | None:
        """Return an AS-path list; one that does not exist lets nothing through."""
        return None if name is None else self._paths.get(name, AsPathList(name, ()))

    def _entry(self, entry: RouteMapEntry) -> Entry:
        listed, asked, deleted = entry.prefix_list, entry.community_list, entry.delete_communities
        return Entry(
            entry.action == "permit",
            None if listed is None else self._lists.get(listed, ()),
            None if asked is None else self._communities.get(asked, frozenset()),
            Made(
                entry.set_communities,
                frozenset() if deleted is None else self._communities.get(deleted, frozenset()),
                entry.set_large_community,
                entry.clear_extended,
                entry.local_preference,
                entry.prefer_global,
            ),
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What two filters let through, each without the other, and whether they make something else of the same route."""

    gained: PrefixSet
    lost: PrefixSet
    marks: bool


@cache
def difference(before: Resolved, after: Resolved) -> Difference:
    """Return how two filters differ, over every prefix and every combination of communities that one of them asks for.

    Args:
        before: The one.
        after: The other.
    """
    gained, lost, marks = NONE, NONE, False
    for communities in _combinations((*before, *after)):
        was, will = _by_outcome(before, communities), _by_outcome(after, communities)
        passed, passes = _union(was), _union(will)
        gained, lost = gained | (passes - passed), lost | (passed - passes)
        marks = marks or any(one != other and was[one] & will[other] for one in was for other in will)
    return Difference(gained, lost, marks)


def named_by(*filters: Resolved) -> PrefixSet:
    """Return all prefixes that entries of some filters permit, whatever others deny of them.

    Args:
        filters: The filters.
    """
    found = NONE
    for entry in (entry for entries in filters for entry in entries if entry.permits and entry.prefixes is not None):
        found = found | permitted(entry.prefixes or ())
    return found


def _combinations(entries: Resolved) -> Iterator[Communities]:
    """Yield what a route may have of the communities that some entries ask for or take away."""
    asked = (entry.communities or frozenset() for entry in entries)
    known = sorted(frozenset().union(*asked, *(entry.makes.deleted for entry in entries)))
    for count in range(len(known) + 1):
        yield from map(frozenset, combinations(known, count))


Outcome = tuple[Communities | None, Communities, str | None, bool, int | None, bool]


def _by_outcome(found: Resolved, communities: Communities) -> dict[Outcome, PrefixSet]:
    """Return the prefixes that pass of routes with just these communities, by how they leave the filter."""
    decided, passed = NONE, dict[Outcome, PrefixSet]()
    for entry in found:
        if entry.communities is not None and not entry.communities & communities:
            continue
        matched = (everything() if entry.prefixes is None else permitted(entry.prefixes)) - decided
        decided = decided | matched
        if entry.permits and matched:
            outcome = _outcome(entry.makes, communities)
            passed[outcome] = passed.get(outcome, NONE) | matched
    return passed


def _outcome(made: Made, communities: Communities) -> Outcome:
    replaced = frozenset(made.set_communities) if made.set_communities else None
    kept = communities - made.deleted if replaced is None else frozenset()
    return replaced, kept, made.large, made.cleared, made.preference, made.prefers_global


def _union(sets: Mapping[Outcome, PrefixSet]) -> PrefixSet:
    found = NONE
    for own in sets.values():
        found = found | own
    return found

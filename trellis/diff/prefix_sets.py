"""Sets of prefixes, exactly: what a prefix-list permits, united, cut and taken from another.

Of each length the set holds intervals of prefixes, counted from the first one of that length. So two sets are equal
where their values are, whatever entries they were made of: `le`, `ge`, order and overlap leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from trellis.plan.filter_model import PrefixEntry
from trellis.plan.rules.filters import AnyNetwork, span

Interval = tuple[int, int]
"""First and last prefix of a length, inclusive."""

_BITS = {4: 32, 6: 128}

_Operation = Callable[[tuple[Interval, ...], tuple[Interval, ...]], tuple[Interval, ...]]


@dataclass(frozen=True, slots=True)
class PrefixSet:
    """Prefixes of both families.

    Attributes:
        parts: Family and length, and which prefixes of it: disjoint intervals, ascending, with a gap between two.
    """

    parts: tuple[tuple[int, int, tuple[Interval, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __contains__(self, prefix: AnyNetwork) -> bool:
        number = int(prefix.network_address) >> (prefix.max_prefixlen - prefix.prefixlen)
        own = self._by_length.get((prefix.version, prefix.prefixlen), ())
        return any(first <= number <= last for first, last in own)

    def __or__(self, other: PrefixSet) -> PrefixSet:
        return self if not other or self == other else other if not self else self._joined(other, _united)

    def __and__(self, other: PrefixSet) -> PrefixSet:
        return self - (self - other)

    def __sub__(self, other: PrefixSet) -> PrefixSet:
        return NONE if self == other else self if not other else self._joined(other, without)

    def _joined(self, other: PrefixSet, by: _Operation) -> PrefixSet:
        ours, theirs = self._by_length, other._by_length
        keys = sorted({*ours, *theirs})
        found = ((*key, by(ours.get(key, ()), theirs.get(key, ()))) for key in keys)
        return PrefixSet(tuple(part for part in found if part[2]))

    @property
    def _by_length(self) -> Mapping[tuple[int, int], tuple[Interval, ...]]:
        return {(version, length): intervals for version, length, intervals in self.parts}

    def of_family(self, version: int) -> PrefixSet:
        """Return its prefixes of one family, 4 or 6."""
        return PrefixSet(tuple(part for part in self.parts if part[0] == version))

    def said(self, *around: PrefixSet) -> tuple[str, ...]:
        """Return the set as entries, or as those of a set around it and what is not in it, whichever is fewer.

        Args:
            around: Sets that may be easier to say, where they are around this one.
        """
        found: list[str] = []
        holes: list[str] = []
        for version in _BITS:
            own = self.of_family(version)
            ways = [(own.entries(), NONE.entries())]
            for outer in (whole.of_family(version) for whole in (*around, everything())):
                if own and not own - outer:
                    ways.append((outer.entries(), (outer - own).entries()))
            entries, excepted = min(ways, key=lambda way: len(way[0]) + len(way[1]))
            found += entries
            holes += (f"except {entry}" for entry in excepted)
        return (*found, *holes)

    def entries(self) -> tuple[str, ...]:
        """Return the set as entries of prefix-lists that permit it together, IPv4 first: ``10.0.0.0/8 ge 24 le 32``."""
        lengths: dict[tuple[int, int, int], list[int]] = {}
        for version, length, intervals in self.parts:
            for interval in intervals:
                for outer in _blocks(version, length, *interval):
                    lengths.setdefault(outer, []).append(length)
        found = [(outer, run) for outer, own in lengths.items() for run in joined(zip(own, own, strict=True))]
        return tuple(_entry(*outer, *run) for outer, run in sorted(found))


NONE = PrefixSet()


@cache
def everything() -> PrefixSet:
    """Return all prefixes there are."""
    return PrefixSet(
        tuple((version, length, ((0, 2**length - 1),)) for version, bits in _BITS.items() for length in range(bits + 1))
    )


@cache
def permitted(entries: tuple[PrefixEntry, ...]) -> PrefixSet:
    """Return what a prefix-list permits: the first entry that matches a prefix decides, and none denies it.

    Args:
        entries: Of one family.
    """
    found = NONE
    for entry in sorted(entries, key=lambda entry: entry.seq, reverse=True):
        matched = within(*span(entry))
        found = found | matched if entry.action == "permit" else found - matched
    return found


def within(prefix: str, shortest: int, longest: int) -> PrefixSet:
    """Return the prefixes inside of ``prefix`` with a length from ``shortest`` to ``longest``, inclusive."""
    outer = ip_network(prefix)
    first, bits = int(outer.network_address), outer.max_prefixlen
    last = int(outer.broadcast_address)
    lengths = range(max(shortest, outer.prefixlen), min(longest, bits) + 1)
    return PrefixSet(
        tuple((outer.version, length, ((first >> (bits - length), last >> (bits - length)),)) for length in lengths)
    )


def _united(ours: tuple[Interval, ...], theirs: tuple[Interval, ...]) -> tuple[Interval, ...]:
    return joined((*ours, *theirs))


def joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return what some intervals hold together, as disjoint ones with a gap between two, ascending."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def without(ours: tuple[Interval, ...], theirs: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return what of some disjoint intervals is not in others, both ascending."""
    return tuple(left for own in ours for left in _cut(own, theirs))


def _cut(own: Interval, theirs: Iterable[Interval]) -> Iterator[Interval]:
    first, last = own
    for low, high in theirs:
        if high < first or low > last:
            continue
        if low > first:
            yield first, low - 1
        first = high + 1
    if first <= last:
        yield first, last


def _blocks(version: int, length: int, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fewest prefixes that hold exactly an interval: family, first address, length."""
    while first <= last:
        size = min((first & -first).bit_length() - 1 if first else length, (last - first + 1).bit_length() - 1)
        yield version, first << (_BITS[version] - length), length - size
        first += 1 << size


def _entry(version: int, address: int, own: int, shortest: int, longest: int) -> str:
    outer = (IPv4Network if version == 4 else IPv6Network)((address, own))
    if shortest == longest == own:
        return str(outer)
    ge = f" ge {shortest}" if shortest > own else ""
    return f"{outer}{ge} le {longest}"

"""What changes, in the field's words: sections of lines, which text and Markdown lay out each in its way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from trellis.diff.model import Change, Diff, FilterChange, HostChange, Loss, Reserve, SessionChange, Value

Mark = Literal["+", "-", "~", "!", " "]
"""Comes, goes, is changed, is to be looked at; or nothing of it."""

MARKS: dict[str, Mark] = {"added": "+", "removed": "-", "changed": "~"}

_MOST_NAMES = 8
"""Names on a line; the others are counted, and stand in JSON."""

_FEW_WORDS = 3
"""Words of a value that is shown whole, before and after; of a longer list only what differs is."""

_OF_NEW_SESSION = ("remote AS", "BFD", "MD5", "multihop", "ipv4 unicast: most prefixes", "ipv6 unicast: most prefixes")

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Line:
    """A line; ``depth`` is how far it is indented."""

    mark: Mark
    text: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: tuple[Line, ...]


def sections(found: Diff) -> tuple[Section, ...]:
    """Return everything but the lines of files; a section is left out where there is nothing to say.

    Args:
        found: What differs.
    """
    told: tuple[tuple[str, Iterable[Line]], ...] = (
        ("Guests", _nouns(found, ("guest",))),
        ("Network", _nouns(found, ("site", "host", "link", "edge", "zone", "VNet"))),
        ("Leaks and services", _nouns(found, ("leak", "service"))),
        ("IPv6 prefixes and advertisements", _nouns(found, ("delegated prefix", "router advertisement"))),
        ("Sessions", _sessions(found)),
        ("Filters", _filters(found)),
        ("Routes announced", _routes(found)),
        ("Redundancy", _redundancy(found)),
        ("Outputs", _outputs(found)),
        ("Hosts, in the order of their change", _hosts(found)),
        ("Sessions that reset", _resets(found)),
    )
    whole = (Section(title, tuple(lines)) for title, lines in told)
    return tuple(section for section in whole if section.lines)


def summary(found: Diff) -> tuple[str, ...]:
    """Return what there is to know first, a few words each.

    Args:
        found: What differs.
    """
    counted = [
        *_counts((change.kind, "moved" if change.moved else change.what) for change in found.nouns),
        *_counts(("session", change.what) for change in found.sessions for _ in change.hosts),
        *_counts(("filter", change.verdict) for change in found.filters if change.verdict not in ("new", "gone")),
    ]
    touched = [host for host in found.hosts if host.turn is not None]
    reset = sum(len(change.hosts) for change in found.sessions if change.resets)
    if touched:
        reload = sum(1 for host in touched if host.reloads)
        counted.append(f"{_many(len(touched), 'host')} touched, {reload} with a reload")
        counted.append(f"{_many(reset, 'session')} reset" if reset else "no session reset")
    if any(failure.worse for failure in found.failures) or any(map(_is_lost, found.reserves)):
        counted.append("redundancy is lost")
    return tuple(counted)


def _is_lost(reserve: Reserve) -> bool:
    return reserve.before is not None and _is_less(reserve)


def _is_less(reserve: Reserve) -> bool:
    return reserve.after is not None and (reserve.before is None or reserve.after < reserve.before)


def _counts(found: Iterable[tuple[str, str]]) -> Iterator[str]:
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        counts[one] = counts.get(one, 0) + 1
    for (noun, what), count in counts.items():
        yield f"{_many(count, noun)} {'with other marks' if what == 'marks' else what}"


def _many(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("x") else f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def _nouns(found: Diff, kinds: tuple[str, ...]) -> Iterator[Line]:
    for kind in kinds:
        noun = "" if len(kinds) == 1 else f"{kind} "
        changes = (change for change in found.nouns if change.kind == kind)
        for alike in _alike(changes, lambda one: (one.what, one.values)):
            yield from _noun(alike[0], noun + listed(one.name for one in alike))


def _noun(change: Change, name: str) -> Iterator[Line]:
    if change.what != "changed":
        yield Line(MARKS[change.what], f"{name}: {', '.join(_of_one_side(change.values))}")
        return
    moved = change.moved
    yield Line("~", f"{name} moves from {moved.before} to {moved.after}" if moved else name)
    yield from (Line("~", _differs(value), 1) for value in change.values if value != moved)


def _of_one_side(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        yield f"{value.name} {value.before if value.after is None else value.after}"


def _differs(value: Value) -> str:
    before, after = value.before or "none", value.after or "none"
    old, new = before.split(" "), after.split(" ")
    if max(len(old), len(new)) <= _FEW_WORDS or "," in before + after or not set(old) & set(new):
        return f"{value.name}: {before} -> {after}"
    gone = [f"-{word}" for word in old if word not in new]
    come = [f"+{word}" for word in new if word not in old]
    return f"{value.name}: {' '.join((*gone, *come))}" if gone or come else f"{value.name}: {before} -> {after}"


def _alike(found: Iterable[_One], key: Callable[[_One], Hashable]) -> list[list[_One]]:
    """Return what is alike together, in the order of the first of each."""
    groups: dict[Hashable, list[_One]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def listed(names: Iterable[str]) -> str:
    """Return names with commas; of many the first ones, and how many more there are."""
    known = list(dict.fromkeys(names))
    left = len(known) - _MOST_NAMES
    return ", ".join(known[:_MOST_NAMES]) + (f" and {left} more" if left > 0 else "")


def _sessions(found: Diff) -> Iterator[Line]:
    for alike in _alike(found.sessions, lambda one: (one.hosts, one.vrf, one.what, _told(one))):
        first = alike[0]
        where = f"{f'in {first.vrf} ' if first.vrf else ''}on {listed(first.hosts)}"
        names = [f"{one.party} ({one.peer})" for one in alike]
        told = _told(first)
        if first.what == "changed":
            yield Line("~", f"{listed(names)}, {where}")
            yield from (Line("!" if value.name in first.resets else "~", _effect(first, value), 1) for value in told)
        else:
            yield Line(MARKS[first.what], f"{listed(names)}, {where}: {', '.join(_of_one_side(told))}")


def _told(change: SessionChange) -> tuple[Value, ...]:
    if change.what == "changed":
        return change.values
    return tuple(
        value for value in change.values if value.name in _OF_NEW_SESSION and "off" not in (value.before, value.after)
    )


def _effect(change: SessionChange, value: Value) -> str:
    if value.name in change.resets:
        return f"{_differs(value)}; RESETS THE SESSION"
    return f"{_differs(value)}{'; whether this resets it was not measured' if value.name in change.unmeasured else ''}"


def _filters(found: Diff) -> Iterator[Line]:
    told = _worth_telling(found.filters)
    for alike in _alike(told, lambda one: (one.hosts, one.direction, one.verdict, _content(one))):
        first = alike[0]
        way = "to" if first.direction == "to" else "from"
        names = {one.name for one in alike}
        by = f" ({names.pop()})" if len(names) == 1 and first.verdict not in ("new", "gone") else ""
        where = f"{way} {listed(one.party for one in alike)}{by}; on {listed(first.hosts)}"
        yield Line(_FILTER_MARKS.get(first.verdict, "!"), f"{_filtered(first)} {where}")
        yield from _gained_and_lost(first)


def _worth_telling(filters: Iterable[FilterChange]) -> Iterator[FilterChange]:
    """Yield all but the filters between tables of a VRF that itself comes or goes: its zone is told of."""
    return (one for one in filters if one.direction != "between" or one.verdict not in ("new", "gone"))


def _filtered(change: FilterChange) -> str:
    verb = "announced" if change.direction == "to" else "accepted"
    return _VERDICTS.get(change.verdict, f"{'newly' if change.verdict == 'new' else 'no longer'} {verb}")


_FILTER_MARKS: dict[str, Mark] = {"new": "+", "gone": "-", "narrowed": "~", "marks": "~"}
_VERDICTS = {
    "widened": "WIDENED",
    "narrowed": "narrowed",
    "widened and narrowed": "WIDENED AND NARROWED",
    "marks": "the same routes, with other marks or preference,",
}


def _content(change: FilterChange) -> tuple[object, ...]:
    return change.gained, change.lost, change.asns_gained, change.asns_lost


def _gained_and_lost(change: FilterChange) -> Iterator[Line]:
    mark: Mark
    for mark, prefixes, asns in (("+", change.gained, change.asns_gained), ("-", change.lost, change.asns_lost)):
        if prefixes:
            yield Line(mark, listed(prefixes), 1)
        if asns:
            yield Line(mark, f"AS paths of {listed(asns)}", 1)


def _routes(found: Diff) -> Iterator[Line]:
    for alike in _alike(found.routes, lambda one: (one.hosts, one.gained, one.lost)):
        first = alike[0]
        yield Line("~", f"to {listed(one.to for one in alike)}, by {listed(first.hosts)}")
        if first.gained:
            yield Line("+", listed(first.gained), 1)
        if first.lost:
            yield Line("-", listed(first.lost), 1)


def _redundancy(found: Diff) -> Iterator[Line]:
    for alike in _alike(found.reserves, lambda one: (one.what, one.before, one.after)):
        first, who = alike[0], listed(one.who for one in alike)
        if first.before is None or first.after is None:
            only = first.after if first.before is None else first.before
            yield Line("!" if first.before is None else " ", f"{who}: {_RESERVES[first.what]} {only}")
        else:
            mark: Mark = "!" if _is_less(first) else "~"
            yield Line(mark, f"{who}: {_RESERVES[first.what]} {first.before} -> {first.after}")
    for failure in found.failures:
        yield Line("!" if failure.worse else "~", f"if {failure.down} fails")
        yield from _losses("!", "", failure.worse)
        yield from _losses(" ", "no longer: ", failure.better)
    if found.not_judged is not None:
        yield Line("!", f"not considered: {found.not_judged}")


def _losses(mark: Mark, word: str, losses: Iterable[Loss]) -> Iterator[Line]:
    for alike in _alike(losses, lambda one: one.what):
        yield Line(mark, f"{word}{listed(one.who for one in alike)}: {alike[0].what}", 1)


_RESERVES = {
    "edges": "edges that it has sessions with:",
    "hosts": "hosts that carry it:",
    "links": "links by which it sees others:",
    "placement": "hosts that it may run on:",
    "route reflectors": "route reflectors:",
}


def _outputs(found: Diff) -> Iterator[Line]:
    for output in found.outputs:
        nodes = [part.removeprefix("node ") for part in output.parts if part.startswith("node ")]
        keys = [part for part in output.parts if not part.startswith("node ")]
        told = ([f"nodes {listed(nodes)}"] if nodes else []) + ([listed(keys)] if keys else [])
        yield Line(MARKS[output.what], f"{output.kind} {output.name}" + (f": {'; '.join(told)}" if told else ""))


def _hosts(found: Diff) -> Iterator[Line]:
    if found.sdn:
        yield Line("!", "Proxmox's SDN is applied: every node of the cluster regenerates its FRR configuration")
    for alike in _alike(found.hosts, lambda one: replace(one, host="")):
        first, names = alike[0], listed(one.host for one in alike)
        turn = "-" if first.turn is None else f"{first.turn}{' (canary)' if first.turn == 1 else ''}"
        yield Line(MARKS[first.what], f"{turn}  {names}: {_done_there(first)}")
    if len({host.turn for host in found.hosts} - {None}) > 1:
        then = {"keep": "those before it are kept", "roll_back": "all of the run take their change back"}
        yield Line(" ", f"if one fails, {then[found.on_failure]}")


def _done_there(host: HostChange) -> str:
    if host.what == "removed":
        return "leaves the site; it is not touched (`trellis release` gives back what it had)"
    if host.maintenance is not None:
        return f"left out, in maintenance: {host.maintenance}"
    told = [f"{', '.join(host.reloads)} reload"] if host.reloads else ["files only, nothing reloads"]
    told += [f"{', '.join(host.restarts)} start or end"] if host.restarts else []
    names = (path.rpartition("/")[2] for path in host.files)
    return "; ".join([*told, listed(names) or "how its change is confirmed"])


def _resets(found: Diff) -> Iterator[Line]:
    for change in found.sessions:
        if change.resets:
            yield Line("!", f"{change.party} ({change.peer}) on {listed(change.hosts)}: {', '.join(change.resets)}")

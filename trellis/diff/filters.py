"""Which filters let more through than before, which less: proved on sets, not read off their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from trellis.diff.asn_sets import as_text, permitted_asns
from trellis.diff.doors import Direction, Door, Place, doors
from trellis.diff.model import FilterChange, Verdict
from trellis.diff.passing import Named, difference, named_by
from trellis.diff.prefix_sets import NONE, Interval, without
from trellis.plan.filter_model import AsPathList
from trellis.plan.model import Plan

_CLOSED = Door("", "", (), AsPathList("", ()))
"""A door that is not there: nothing passes."""

_FAMILY = {"ipv4 unicast": 4, "ipv6 unicast": 6}


def filter_changes(before: Plan, after: Plan) -> tuple[FilterChange, ...]:
    """Return what filters let through that they did not, and no longer do, alike hosts together.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    was, will = ({host.name: host for host in plan.hosts} for plan in (before, after))
    named: dict[int, Named] = {}
    found: dict[FilterChange, list[str]] = {}
    for name in in_order(before, after):
        old, new = (
            doors(host, named.setdefault(id(host.policy), Named(host.policy))) if host is not None else {}
            for host in (was.get(name), will.get(name))
        )
        for change in _of_host(old, new):
            found.setdefault(change, []).append(name)
    together = (replace(change, hosts=tuple(hosts)) for change, hosts in found.items())
    return tuple(sorted(together, key=_order))


def in_order(before: Plan, after: Plan) -> tuple[str, ...]:
    """Return the hosts of two plans in the order of their ids, which their loopbacks tell."""
    found = {host.name: host for plan in (before, after) for host in plan.hosts}
    return tuple(sorted(found, key=lambda name: (_number(found[name].ipv4), name)))


def _number(address: str) -> tuple[int, ...]:
    return tuple(map(int, address.split(".")))


def _order(change: FilterChange) -> tuple[object, ...]:
    return change.direction, change.party, change.name, change.hosts


def _of_host(old: dict[Place, Door], new: dict[Place, Door]) -> Iterator[FilterChange]:
    """Yield the changes of one host, those of all sessions with a party together."""
    together: dict[tuple[Direction, str | None, str], list[Place]] = {}
    for place in sorted({*old, *new}, key=lambda place: (place.direction, place.vrf or "", place.peer, place.family)):
        was, will = old.get(place), new.get(place)
        if was != will:
            party = _either(door.party for door in (was, will) if door is not None)
            together.setdefault((place.direction, place.vrf, party), []).append(place)
    for (direction, _, _), places in together.items():
        change = _change(direction, [(place, old.get(place), new.get(place)) for place in places])
        if change is not None:
            yield change


def _change(direction: Direction, differing: list[tuple[Place, Door | None, Door | None]]) -> FilterChange | None:
    gained, lost, marks = NONE, NONE, False
    asns_gained: set[Interval] = set()
    asns_lost: set[Interval] = set()
    named = NONE
    for place, was, will in differing:
        old, new = was or _CLOSED, will or _CLOSED
        found, version = difference(old.entries, new.entries), _FAMILY[place.family]
        gained, lost = gained | found.gained.of_family(version), lost | found.lost.of_family(version)
        marks, named = marks or found.marks, named | named_by(old.entries, new.entries).of_family(version)
        if direction == "from" and was and will:
            before, after = permitted_asns(old.paths), permitted_asns(new.paths)
            asns_gained |= set(without(after, before))
            asns_lost |= set(without(before, after))
    verdict = _verdict(differing, bool(gained or asns_gained), bool(lost or asns_lost), marks)
    if verdict is None:
        return None
    known = [door for _, *both in differing for door in both if door is not None]
    return FilterChange(
        hosts=(),
        direction=direction,
        party=_either(door.party for door in known),
        name=_either(door.name for door in known),
        verdict=verdict,
        gained=gained.said(named),
        lost=lost.said(named),
        asns_gained=as_text(tuple(sorted(asns_gained))),
        asns_lost=as_text(tuple(sorted(asns_lost))),
    )


def _either(names: Iterable[str]) -> str:
    """Return a name, or both where something is called otherwise than before."""
    return " / ".join(sorted(set(names)))


def _verdict(
    differing: list[tuple[Place, Door | None, Door | None]], gained: bool, lost: bool, marks: bool
) -> Verdict | None:
    if all(was is None for _, was, _ in differing):
        return "new" if gained else None
    if all(will is None for _, _, will in differing):
        return "gone" if lost else None
    if gained and lost:
        return "widened and narrowed"
    if gained or lost:
        return "widened" if gained else "narrowed"
    return "marks" if marks else None

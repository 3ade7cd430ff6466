"""What becomes of a route as a person reads it: one line a step, and below it what was tried, the rule, the remedy."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.reach.why.live import Beside, Live
from trellis.reach.why.model import Step, Why

SIGNS = {"passes": "✓", "warns": "!", "stops": "✗"}
_INDENT = " " * 6


def why_text(found: Why) -> str:
    """Return what becomes of a route as text, each line ended."""
    return "\n".join((_head(found), *(line for step in found.steps for line in _step(step)))) + "\n"


def live_text(found: Live) -> str:
    """Return what becomes of a route by the plan, and what hosts say of it, as text, each line ended."""
    unknown = sum(door.seen is None for door in found.beside)
    lines = [f"  the hosts say: {_said(found)}{f', {unknown} unknown' if unknown else ''}", *map(_beside, found.beside)]
    if found.differences:
        lines.append(f"{_INDENT}what would help: {_help(found, found.differences[0])}")
    return why_text(found.why) + "\n".join(lines) + "\n"


def _said(found: Live) -> str:
    if all(door.seen is None for door in found.beside):
        return "nothing"
    if found.differences:
        return f"{len(found.differences)} difference(s)"
    if any(door.door == "announced" and not door.seen for door in found.beside):
        return f"{found.why.guest} does not announce it now"
    return "as planned"


def _help(found: Live, door: Beside) -> str:
    if door.door == "session" and not door.seen:
        return f"see {found.why.guest}'s own speaker, and `trellis guests events --guest {found.why.guest}`"
    return f"`trellis check {door.node}`, which shows how the host differs from the plan"


def _beside(door: Beside) -> str:
    sign = "?" if door.seen is None else "≠" if door.differs else "="
    planned = {None: "", True: "plan: passes; ", False: "plan: does not; "}[door.planned if door.differs else None]
    return f"  {sign} {door.node}, {door.door}: {planned}{door.says}"


def _head(found: Why) -> str:
    who = found.guest if found.guest == found.address else f"{found.guest} ({found.address})"
    more = f", path {' '.join(map(str, found.path))}" if len(found.path) > 1 or found.guest == found.address else ""
    more += f", communities {' '.join(found.communities)}" if found.communities else ""
    return f"{found.prefix} of {who} on {found.host}{more}: {_verdict(found)}"


def _verdict(found: Why) -> str:
    stop = found.stop
    if stop is None:
        return f"arrives at {', '.join(found.edges)} with {' '.join(found.marks)}"
    where = f"stops at {stop.node} ({stop.kind})"
    return f"arrives at {', '.join(found.edges)}; {where}" if found.edges else where


def _step(step: Step) -> Iterator[str]:
    why = f" | {step.why}" if step.why else ""
    yield f"  {SIGNS[step.verdict]} {step.node}, {step.kind}: {step.entry.text}{why}"
    if step.verdict == "stops":
        yield from (f"{_INDENT}not by {tried}" for tried in step.tried)
        if step.rule is not None:
            yield f"{_INDENT}rule: {step.rule}"
        if step.remedy is not None:
            yield f"{_INDENT}what would help: {step.remedy}"

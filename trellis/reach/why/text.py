"""What becomes of a route as a person reads it: one line a step, and below it what was tried, the rule, the remedy."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.reach.why.model import Step, Why

SIGNS = {"passes": "✓", "warns": "!", "stops": "✗"}
_INDENT = " " * 6


def why_text(found: Why) -> str:
    """Return what becomes of a route as text, each line ended."""
    return "\n".join((_head(found), *(line for step in found.steps for line in _step(step)))) + "\n"


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

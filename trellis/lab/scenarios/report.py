"""How scenarios went: for people a table, for programs JSON with what proves that each happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.scenarios.trial import Outcome

SCHEMA_VERSION = 1


def as_table(outcomes: Sequence[Outcome]) -> Table:
    """A line per scenario, and one per host below it."""
    table = Table(title="Scenarios", title_justify="left")
    table.add_column("")
    for name in ("scenario", "what was seen"):
        table.add_column(name, overflow="fold")
    for name in ("as intended after", "sessions back after", "resets"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        sign, scenario = Text("✓", "green") if outcome.ok else Text("✗", "bold red"), outcome.scenario
        times = (_seconds(outcome.intent_s, scenario.intent_s), _seconds(outcome.sessions_s, scenario.sessions_s))
        resets = f"{len(outcome.resets)}" if scenario.resets else f"{len(outcome.resets)} of 0"
        table.add_row(sign, scenario.name, scenario.what, *times, resets)
        for host, course in outcome.courses.items():
            seen = "; ".join((*course.faults[:1], *outcome.guards.get(host, ())[:1])) or "always as intended"
            since = course.whole_since_s
            table.add_row("", f"  {host}", seen, "never" if since is None else f"{since:.1f} s", "", "")
        for failure in outcome.failures:
            table.add_row("", "", Text(failure, "red"), "", "", "")
    return table


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(outcome.ok for outcome in outcomes),
        "scenarios": [_outcome(outcome) for outcome in outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    scenario = outcome.scenario
    return {
        "name": scenario.name,
        "what": scenario.what,
        "ok": outcome.ok,
        "failures": list(outcome.failures),
        "proofs": list(outcome.proofs),
        "seconds": {
            "happened": outcome.broken_s,
            "as_intended": outcome.intent_s,
            "sessions_back": outcome.sessions_s,
        },
        "bounds": {"as_intended": scenario.intent_s, "sessions_back": scenario.sessions_s, "resets": scenario.resets},
        "resets": list(outcome.resets),
        "machine_stalled_ms": outcome.stalled_ms,
        "hosts": {
            host: {
                "as_intended_after_s": course.whole_since_s,
                "looks": len(course.looks),
                "faults": list(course.faults),
                "guard": list(outcome.guards.get(host, ())),
                "check": list(outcome.check.get(host, ())),
            }
            for host, course in outcome.courses.items()
        },
    }


def _seconds(took: float | None, bound: float) -> str:
    return f"never (in {bound:g} s)" if took is None else f"{took:.1f} s (of {bound:g})"

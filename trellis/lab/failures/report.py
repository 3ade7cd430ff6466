"""How failures went: for people a table of figures beside the seed's own, for programs JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.failures.trial import Figure, Outcome, Run

SCHEMA_VERSION = 1


def as_table(outcomes: Sequence[Outcome]) -> Table:
    """A line per failure with what the seed promises, and one per figure below it."""
    table = Table(title="Failures", title_justify="left")
    table.add_column("")
    for name in ("failure", "the seed's figure"):
        table.add_column(name, overflow="fold")
    for name in ("min", "median", "max", "bound"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        sign = Text("✓", "green") if outcome.ok else Text("✗", "bold red")
        runs = f"{len(outcome.runs)} run{'s' if len(outcome.runs) > 1 else ''}"
        table.add_row(
            sign, f"{outcome.failure.name}: {outcome.failure.what} ({runs})", outcome.failure.seed, "", "", "", ""
        )
        for figure in outcome.figures:
            held = "" if figure.held else "bold red"
            table.add_row("", Text(f"  {figure.what}", held), "", *_spread(figure), _bound(figure))
        for failure in outcome.failures:
            table.add_row("", Text(f"  {failure}", "red"), "", "", "", "", "")
    return table


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(outcome.ok for outcome in outcomes),
        "failures": [
            {
                "name": outcome.failure.name,
                "what": outcome.failure.what,
                "seed": outcome.failure.seed,
                "decided": outcome.failure.decided,
                "ok": outcome.ok,
                "why": list(outcome.failures),
                "figures": [_figure(figure) for figure in outcome.figures],
                "runs": [_run(run) for run in outcome.runs],
            }
            for outcome in outcomes
        ],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "unit": figure.unit,
        "values": list(figure.values),
        "bound": figure.bound,
        "held": figure.held,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "streams": [
            {"name": name, "family": f"ipv{version}", "sent": heard.sent, "answered": heard.answered,
             "silent_ms": heard.silent_ms}
            for (name, version), heard in run.heard.items()
        ],
        "gone_ms": run.gone,
        "back_s": run.back_s,
        "resets": list(run.resets),
        "machine_stalled_ms": run.stalled_ms,
    }  # fmt: skip


def _spread(figure: Figure) -> tuple[str, str, str]:
    known = [value for value in figure.values if value is not None]
    if len(known) < len(figure.values):
        return "", "", "never"
    return tuple(f"{value:g} {figure.unit}" for value in (min(known), statistics.median(known), max(known)))  # type: ignore[return-value]


def _bound(figure: Figure) -> str:
    return "none" if figure.bound is None else f"{figure.bound:g} {figure.unit}"

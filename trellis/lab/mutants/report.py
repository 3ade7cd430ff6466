"""What became of the mutants, for people (a table) and for programs (JSON with the raw evidence of each red row)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.mutants.trial import Outcome, Verdict
from trellis.lab.proof import row_as_json

SCHEMA_VERSION = 1
_SHOWN = 5
"""How many rows are spelled out that fail and should not."""


def as_table(outcome: Outcome) -> Table:
    """A line per mutant: what was taken away, which rows turned red, how many others did not, and the time."""
    table = Table(title="Mutants", title_justify="left")
    for name in ("", "mutant", "what is wrong", "rows that turned red"):
        table.add_column(name, overflow="fold")
    for name in ("red", "others unchanged", "time"):
        table.add_column(name, justify="right")
    for verdict in outcome.verdicts:
        sign = Text("✓", "green") if verdict.killed else Text("✗", "bold red")
        mutant = verdict.mutant
        groups = "\n".join(dict.fromkeys(row.group for row in verdict.red)) or "none"
        counts = (str(len(verdict.red)), str(verdict.green), f"{verdict.seconds:.1f} s")
        table.add_row(sign, mutant.name, f"{mutant.what} ({len(verdict.seeded)} rules gone)", groups, *counts)
        for text in _faults(verdict):
            table.add_row("", "", Text(text, "red"), "", "", "", "")
    for row in outcome.after[:_SHOWN]:
        told = f"fails when all are gone again: {row.group}: {row.name}: {row.seen}"
        table.add_row(Text("✗", "bold red"), "", Text(told, "red"), "", "", "", "")
    return table


def _faults(verdict: Verdict) -> list[str]:
    missed = [f"not noticed by: {group}" for group in verdict.unnoticed]
    return missed + [
        f"should not have turned red: {row.group}: {row.name}: {row.seen}" for row in verdict.strange[:_SHOWN]
    ]


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": outcome.ok,
        "filters_restored": outcome.restored,
        "failing_afterwards": [row_as_json(row) for row in outcome.after],
        "mutants": [_verdict(verdict) for verdict in outcome.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.mutant.name,
        "what": verdict.mutant.what,
        "killed": verdict.killed,
        "rules_gone": [asdict(rule) for rule in verdict.seeded],
        "expected_red": sorted(group.name.lower() for group in verdict.mutant.red),
        "unnoticed": [group.name.lower() for group in verdict.unnoticed],
        "strange": [row.name for row in verdict.strange],
        "rows_unchanged": verdict.green,
        "seconds": round(verdict.seconds, 1),
        "red": [row_as_json(row) for row in verdict.red],
    }

"""What became of the attacks, for people (a table) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.attacks.attack import Verdict
from trellis.lab.attacks.defects import Outcome

SCHEMA_VERSION = 1
_SHOWN = 260
"""Characters of a cell of the table; JSON has all of them."""


def as_table(verdicts: Sequence[Verdict]) -> Table:
    """A line per attack: what proves it, and what was seen of it at the edge, by others, on hosts, in the store."""
    table = Table(title="Attacks", title_justify="left", show_lines=True)
    table.add_column("")
    table.add_column("#")
    for name in ("attack", "proof that it was tried", "edge", "other guests", "host", "store"):
        table.add_column(name, overflow="fold")
    table.add_column("time", justify="right")
    for verdict in verdicts:
        sign = Text("✓", "green") if verdict.ok else Text("✗", "bold red")
        attack = verdict.attack
        host = Text(_short(verdict.host))
        if verdict.problems:
            host = Text("\n".join(verdict.problems), "red")
        words = (f"{attack.what}: {attack.must}", verdict.proof, verdict.edge, verdict.guests)
        cells = (*(Text(_short(text)) for text in words), host, Text(_short(verdict.store)))
        table.add_row(sign, attack.name, *cells, f"{verdict.seconds:.0f} s")
    return table


def counted(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """How many attacks were refused or contained, in all of their variants, and how many were tried."""
    tried = {verdict.attack.number for verdict in verdicts}
    return len(tried - {verdict.attack.number for verdict in verdicts if not verdict.ok}), len(tried)


def as_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The outcome as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(verdict.ok for verdict in verdicts),
        "refused": counted(verdicts)[0],
        "tried": counted(verdicts)[1],
        "attacks": [
            {
                "number": verdict.attack.number,
                "variant": verdict.attack.variant,
                "what": verdict.attack.what,
                "must": verdict.attack.must,
                "ok": verdict.ok,
                "proof": verdict.proof,
                "edge": verdict.edge,
                "guests": verdict.guests,
                "host": verdict.host,
                "store": verdict.store,
                "problems": list(verdict.problems),
                "seconds": round(verdict.seconds, 1),
            }
            for verdict in verdicts
        ],
    }


def mutants_as_table(outcomes: Sequence[Outcome]) -> Table:
    """A line per rule taken away: whether exactly its attack succeeded then."""
    table = Table(title="Attacks with their rules taken away", title_justify="left")
    for name in ("", "#", "rule taken away", "what got through", "others that held"):
        table.add_column(name, overflow="fold")
    table.add_column("time", justify="right")
    for outcome in outcomes:
        sign = Text("✓", "green") if outcome.noticed else Text("✗", "bold red")
        seen = Text("; ".join(outcome.succeeded) or "nothing: the attack was refused all the same")
        others = Text("\n".join(outcome.strange) or str(outcome.held), "red" if outcome.strange else "")
        table.add_row(sign, outcome.attack.name, outcome.defect.what, seen, others, f"{outcome.seconds:.0f} s")
    return table


def mutants_as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The same as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(outcome.noticed for outcome in outcomes),
        "mutants": [
            {
                "attack": outcome.attack.name,
                "defect": outcome.defect.what,
                "noticed": outcome.noticed,
                "succeeded": list(outcome.succeeded),
                "strange": list(outcome.strange),
                "others_that_held": outcome.held,
                "seconds": round(outcome.seconds, 1),
            }
            for outcome in outcomes
        ],
    }


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."

"""What became of the faults, for people (a table) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.faults.fault import Verdict
from trellis.lab.faults.mutants import MutantVerdict

SCHEMA_VERSION = 1
_SHOWN = 220
"""Characters of an error or a proof in the table; JSON has all of them."""


def as_table(verdicts: Sequence[Verdict]) -> Table:
    """A line per fault: what happened, the proof of it, the state that it left, and the time to recover."""
    table = Table(title="Faults", title_justify="left", show_lines=True)
    table.add_column("")
    table.add_column("#")
    for name in ("fault", "what happened", "proof", "end state"):
        table.add_column(name, overflow="fold")
    for name in ("recovered", "all"):
        table.add_column(name, justify="right")
    for verdict in verdicts:
        sign = Text("✓", "green") if verdict.ok else Text("✗", "bold red")
        fault = verdict.fault
        end = Text(fault.end.text) if verdict.ok else Text("\n".join(verdict.problems), "red")
        recovered = "" if verdict.recovered_s is None else f"{verdict.recovered_s:.1f} s"
        words = (Text(_short(text)) for text in (f"{fault.what}: {fault.must}", verdict.happened, verdict.proof))
        table.add_row(sign, fault.name, *words, end, recovered, f"{verdict.seconds:.0f} s")
    return table


def counted(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """How many numbers ended as written, in all of their variants, and how many were tried."""
    tried = {verdict.fault.number for verdict in verdicts}
    return len(tried - {verdict.fault.number for verdict in verdicts if not verdict.ok}), len(tried)


def as_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The outcome as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(verdict.ok for verdict in verdicts),
        "ended_as_written": counted(verdicts)[0],
        "tried": counted(verdicts)[1],
        "faults": [
            {
                "number": verdict.fault.number,
                "variant": verdict.fault.variant,
                "what": verdict.fault.what,
                "must": verdict.fault.must,
                "ok": verdict.ok,
                "happened": verdict.happened,
                "proof": verdict.proof,
                "end": verdict.fault.end.text,
                "problems": list(verdict.problems),
                "recovered_s": None if verdict.recovered_s is None else round(verdict.recovered_s, 2),
                "seconds": round(verdict.seconds, 1),
            }
            for verdict in verdicts
        ],
    }


def table_of_mutants(verdicts: Sequence[MutantVerdict]) -> Table:
    """A line per defect: the fault that shows it, what is wrong, because of what the row turned red, and the time."""
    table = Table(title="Defects that faults bring to light", title_justify="left", show_lines=True)
    table.add_column("")
    table.add_column("#")
    for name in ("fault", "defect", "red because of"):
        table.add_column(name, overflow="fold")
    table.add_column("time", justify="right")
    for verdict in verdicts:
        sign = Text("✓", "green") if verdict.noticed else Text("✗", "bold red")
        because = (
            Text(_short(verdict.reason))
            if verdict.noticed
            else Text(f"NOT NOTICED: {_short(verdict.otherwise)}", "red")
        )
        words = (Text(verdict.fault.what), Text(verdict.mutant.what), because)
        table.add_row(sign, verdict.fault.name, *words, f"{verdict.seconds:.0f} s")
    return table


def json_of_mutants(verdicts: Sequence[MutantVerdict]) -> dict[str, Any]:
    """What became of the defects as a value to be dumped."""
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": all(verdict.noticed for verdict in verdicts),
        "noticed": sum(verdict.noticed for verdict in verdicts),
        "mutants": [
            {
                "number": verdict.fault.number,
                "variant": verdict.fault.variant,
                "fault": verdict.fault.what,
                "defect": verdict.mutant.what,
                "files": sorted({rewrite.path for rewrite in verdict.mutant.rewrites}),
                "shares": list(verdict.mutant.shares),
                "noticed": verdict.noticed,
                "because": verdict.reason,
                "expected": verdict.mutant.because,
                "happened": verdict.seen.happened if verdict.seen is not None else "",
                "proof": verdict.seen.proof if verdict.seen is not None else "",
                "problems": list(verdict.seen.problems) if verdict.seen is not None else [],
                "failed": verdict.failed,
                "mended": verdict.mended,
                "seconds": round(verdict.seconds, 1),
            }
            for verdict in verdicts
        ],
    }


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."

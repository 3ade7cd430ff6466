"""The proof for people (a table) and for programs (JSON with all raw evidence)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trellis.lab.proof.row import Group, Row

SCHEMA_VERSION = 1


def holds(rows: Sequence[Row]) -> bool:
    """Whether every claim holds; no claim at all proves nothing."""
    return bool(rows) and not any(row.fails for row in rows)


def as_table(rows: Sequence[Row], walls: Mapping[str, float] | None = None) -> Table:
    """The rows as a table: a line per group, and each row that fails spelled out.

    Args:
        rows: The proof.
        walls: What else took how many seconds, shown below it, in that order.
    """
    table = Table(title="What the fabric does", title_justify="left", show_footer=False)
    table.add_column("")
    table.add_column("claim", overflow="fold")
    table.add_column("holds", justify="right")
    table.add_column("asked for", justify="right")
    for group in Group:
        own = [row for row in rows if row.group is group]
        if own:
            _add_group(table, group, own)
    if walls:
        table.add_section()
        for name, seconds in walls.items():
            table.add_row("", name, "", f"{seconds:.1f} s")
    return table


def _add_group(table: Table, group: Group, rows: Sequence[Row]) -> None:
    failing = [row for row in rows if row.fails]
    sign = Text("✗", "bold red") if failing else Text("✓", "green")
    asked = {answer.question: answer.seconds for row in rows for answer in row.evidence}
    count = f"{len(rows) - len(failing)}/{len(rows)}"
    table.add_row(sign, group.value, Text(count, "red" if failing else ""), f"{sum(asked.values()):.1f} s")
    for row in failing:
        told = f"expected {row.expected}; seen on {row.host}: {row.seen}"
        table.add_row("", Text(f"  {row.name}: {told}", "red"), "", "")


def as_json(rows: Sequence[Row], walls: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The rows as a value to be dumped, each with the commands that it rests on and their raw output.

    Args:
        rows: The proof.
        walls: What else took how many seconds.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "holds": holds(rows),
        "counts": {"rows": len(rows), "failing": sum(row.fails for row in rows)},
        "seconds": {name: round(seconds, 3) for name, seconds in (walls or {}).items()},
        "rows": [row_as_json(row) for row in rows],
    }


def row_as_json(row: Row) -> dict[str, Any]:
    """One row as a value to be dumped."""
    return {
        "group": row.group.name.lower(),
        "about": row.group.value,
        "name": row.name,
        "host": row.host,
        "expected": row.expected,
        "seen": row.seen,
        "ok": row.ok,
        "seconds": row.seconds,
        "evidence": [
            {
                "host": answer.question.node,
                "command": answer.question.command,
                "status": answer.status,
                "seconds": answer.seconds,
                "output": answer.output,
                "errors": answer.errors,
            }
            for answer in row.evidence
        ],
    }

"""A failure on a lab that stands, held to its bounds; its figures are shown when the tests are over."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from trellis.lab import failures
from trellis.lab.failures import Failure, Outcome
from trellis.lab.twin import Twin

NOTE = "failure"
_WIDTH = 170


def within_bounds(twin: Twin, failure: Failure, note: Callable[[str, Any], None]) -> None:
    """Run a failure, keep its figures for the end, and hold them to its bounds.

    Args:
        twin: The lab.
        failure: What fails.
        note: pytest's `record_property`.
    """
    outcome = failures.run(twin, failure, lambda line: print(line, flush=True))
    note(NOTE, outcome)
    assert not outcome.failures, "\n".join(outcome.failures)


def shown(outcomes: Sequence[Outcome]) -> str:
    """The table of all of them; nothing where there are none."""
    if not outcomes:
        return ""
    paper = io.StringIO()
    Console(file=paper, width=_WIDTH).print(failures.as_table(outcomes))
    return paper.getvalue()

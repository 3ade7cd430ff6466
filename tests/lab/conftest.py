"""What a run of the lab's failures ends with: the table of what each was measured to cost."""

from __future__ import annotations

import pytest

from tests.lab.bounded import NOTE, shown


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of every failure that was run."""
    outcomes = [
        outcome
        for ended in ("passed", "failed")
        for report in terminalreporter.getreports(ended)
        for key, outcome in report.user_properties
        if key == NOTE
    ]
    terminalreporter.write(shown(outcomes))

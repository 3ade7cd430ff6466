"""Where the proof of a fault is found: in a journal, in what the run said, in what an action saw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trellis.lab.faults.fault import Finding

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial


def journal(pattern: str, host: str = "") -> Finding:
    """The first line of the host's journal since the trial began that holds a pattern."""

    def find(trial: Trial) -> str | None:
        place = host or trial.host
        since = trial.cursors[place]
        shown = trial.sh(f"journalctl --quiet --output=short --no-hostname --after-cursor='{since}'", host=place)
        return _first(pattern, shown)

    return find


def logins(trial: Trial, host: str) -> int:
    """How often somebody has logged in to a host by its own sshd since the trial began."""
    since = trial.cursors[host]
    shown = trial.sh(f"journalctl --quiet --unit=ssh --output=cat --after-cursor='{since}'", host=host)
    return sum(line.startswith("Accepted ") for line in shown.splitlines())


def said(pattern: str) -> Finding:
    """The first line of what the run said."""
    return lambda trial: _first(pattern, trial.told.text if trial.told is not None else "")


def fact(pattern: str) -> Finding:
    """The first fact that an action saw."""
    return lambda trial: _first(pattern, "\n".join(trial.facts))


def _first(pattern: str, text: str) -> str | None:
    found = next((line for line in text.splitlines() if re.search(pattern, line)), None)
    return " ".join(found.split()) if found is not None else None

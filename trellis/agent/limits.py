"""How long each part of a change may take, so that what waits for it from outside can know.

A change has its own limit from its first file on, and whatever is called within it gets what is left of that.
Taking it back has another one, which begins when that is over.
"""

from __future__ import annotations

import math
import time

from trellis.agent.manifest import Manifest
from trellis.agent.report import Fault

BEFORE_S = 360.0
"""What may pass before a change begins: somebody else's reload of FRR (60 s), a scratch FRR that loads up to four times
(60 s each), looking."""

TAKE_BACK_S = 360.0
"""What taking a change back may take: daemons started (60 s), two reloads of 60 s, a restart of 90 s, and daemons
awaited before and after each (20 s)."""

RELOAD_BACK_S = 60.0
"""What one reload may take of that; emptying 6,000 lines takes 22 s natively."""


class Limit:
    """A time limit for several things in a row."""

    def __init__(self, seconds: float) -> None:
        """Begin it.

        Args:
            seconds: What all of them together may take.
        """
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most_s: float = math.inf) -> float:
        """Whole seconds that the next thing may take, 1 or more.

        Raises:
            Fault: None are left.
        """
        left = math.ceil(self._end - time.monotonic())
        if left <= 0:
            why = f"all of it was to be done within {self.seconds:g} s"
            raise Fault("out of time", why, "see which step of the report took so long")
        return min(left, at_most_s)


def change_s(manifest: Manifest) -> float:
    """How long a change of this manifest may be under way until it is confirmed or begins to be taken back."""
    return manifest.timeout_s + (manifest.sessions_within_s or 0) + (manifest.confirm_within_s or 0)


def longest_run_s(timeout_s: float, sessions_within_s: float | None, confirm_within_s: float | None) -> float:
    """How long a commit with these limits may run at worst, a change that is taken back included.

    Args:
        timeout_s: The manifest's limit for putting the change in force.
        sessions_within_s: The manifest's for sessions that are to come back.
        confirm_within_s: The manifest's for the confirmation.
    """
    return BEFORE_S + timeout_s + (sessions_within_s or 0) + (confirm_within_s or 0) + TAKE_BACK_S

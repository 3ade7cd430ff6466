"""The main job: a typed site becomes a converged fabric, applied by the real engine, and is proven.

The same steps serve ``trellis demo``, the tests and every later scenario: bring the twin up, preview, apply,
start the guests, wait until the routes are there, collect the evidence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trellis.lab import twin as twins
from trellis.lab.deployment import Result
from trellis.lab.processes import Say
from trellis.lab.proof import Comparison, Row, compare, holds, program_logins, prove, sessions, wait_until_converged

CONVERGED_WITHIN_S = 120.0
"""Most of it is OSPF's 40 s wait timer on the management segment, the first time."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the main job did and saw.

    Attributes:
        preview: The engine's preview.
        applied: The engine's apply.
        first_apply: Whether nothing of the stack was there before.
        logins: How often the program logged in to hosts for preview and apply.
        sessions: What became of the sessions that were there before; None on a first apply.
        rows: The evidence.
        seconds: Wall time per step.
        diff_file: Where the whole text of the preview's diff is.
    """

    preview: Result
    applied: Result
    first_apply: bool
    logins: int
    sessions: Comparison | None
    rows: tuple[Row, ...]
    seconds: dict[str, float]
    diff_file: Path

    @property
    def ok(self) -> bool:
        """Whether every row holds and no session has reset."""
        return holds(self.rows) and not self.resets

    @property
    def resets(self) -> tuple[str, ...]:
        """The sessions that were Established before and have reset: node, VRF, peer.

        One that is gone is none of them: whoever takes a guest out of the site wants its session gone.
        """
        return tuple(" ".join(key) for key in self.sessions.reset) if self.sessions is not None else ()


def run(stack: str, project: Path, site_data: Mapping[str, Any], say: Say, *, frr_suite: str = "trixie") -> Outcome:
    """Run the main job; what is up or applied already is left as it is.

    Args:
        stack: The stack's name.
        project: Folder of the program.
        site_data: The object under `trellis:site`.
        say: Takes progress.
        frr_suite: The Debian suite that FRR is taken from.

    Raises:
        LabError: The lab did not come up, or did not converge in time.
        DeploymentError: Preview or apply failed.
        SiteRefused: The site is refused.
    """
    seconds: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Value]) -> Value:
        started = time.monotonic()
        try:
            return work()
        finally:
            seconds[step] = time.monotonic() - started

    twin = timed("lab up", lambda: twins.up(stack, project, site_data, say, frr_suite=frr_suite))
    first = not (twin.lab.state / "pulumi").is_dir()
    before = None if first else sessions(twin, bare=True)
    logins = program_logins(twin)
    preview = timed("preview", lambda: twin.deploy("preview", say))
    diff_file = twin.lab.state / "preview.diff"
    diff_file.write_text(preview.diff)
    say(f"preview: {described(preview.changes)}")
    applied = timed("apply", lambda: twin.deploy("up", say))
    logins = program_logins(twin) - logins
    say(f"apply: {described(applied.changes)}; the program logged in {logins} times")
    timed("edge filters", lambda: twin.load_edge_filters(say))
    timed("guests started", lambda: twin.start_guests(say))
    timed("converged", lambda: wait_until_converged(twin, say, CONVERGED_WITHIN_S))
    rows = timed("evidence", lambda: prove(twin, say))
    changed = None if before is None else compare(before, sessions(twin))
    return Outcome(preview, applied, first, logins, changed, rows, seconds, diff_file)


def described(changes: Mapping[str, int]) -> str:
    """Return the engine's counts in words: `nothing to do (53 the same)`, `4 update, 49 same`."""
    others = {op: count for op, count in changes.items() if op != "same"}
    same = changes.get("same", 0)
    if not others:
        return f"nothing to do ({same} the same)"
    counted = ", ".join(f"{count} {op}" for op, count in sorted(others.items()))
    return f"{counted}{f', {same} same' if same else ''}"

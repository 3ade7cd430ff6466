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

from trellis.lab import observed
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
        guests: Each guest's session as the product's store has it.
        seconds: Wall time per step.
        diff_file: Where the whole text of the preview's diff is.
        store: The address of the store.
    """

    preview: Result
    applied: Result
    first_apply: bool
    logins: int
    sessions: Comparison | None
    rows: tuple[Row, ...]
    guests: tuple[dict[str, Any], ...]
    seconds: dict[str, float]
    diff_file: Path
    store: str

    @property
    def ok(self) -> bool:
        """Whether every row holds, no session has reset, and the store knows each guest's session to be up."""
        return holds(self.rows) and not self.resets and not self.not_seen

    @property
    def not_seen(self) -> tuple[str, ...]:
        """The guests whose session the store does not know to be up."""
        return tuple(str(row["guest"]) for row in self.guests if row["state"] != "Established")

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
    seen = timed("store", lambda: observed.guests(twin))
    changed = None if before is None else compare(before, sessions(twin))
    return Outcome(preview, applied, first, logins, changed, rows, seen, seconds, diff_file, observed.store_of(twin))


def described(changes: Mapping[str, int]) -> str:
    """Return the engine's counts in words: `nothing to do (53 the same)`, `4 update, 49 same`."""
    others = {op: count for op, count in changes.items() if op != "same"}
    same = changes.get("same", 0)
    if not others:
        return f"nothing to do ({same} the same)"
    counted = ", ".join(f"{count} {op}" for op, count in sorted(others.items()))
    return f"{counted}{f', {same} same' if same else ''}"

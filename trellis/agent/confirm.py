"""The confirmation of a commit, which comes over a connection of its own.

That a fresh connection gets through is the proof that the new configuration has not cut the host off. `commit` waits
for it when its manifest names `confirm_within_s`, and takes everything back when it does not come; `confirm` may be
started first: it waits until there is something to confirm.
"""

from __future__ import annotations

import time
from pathlib import Path

from trellis.agent import state
from trellis.agent.files import write_whole
from trellis.agent.report import Fault

WAIT_S = 300.0
"""How long `confirm` waits for the commit to get that far, unless told otherwise."""

ENDING_S = 15.0
"""How long a commit may take to end once it is confirmed."""

_LOOK_EVERY_S = 0.2
_CONFIRMED = Path("/run/trellis/confirmed")


def await_confirmation(digest: str, within_s: float) -> None:
    """Wait until somebody confirms a digest.

    Raises:
        Fault: Nobody did in time.
    """
    _CONFIRMED.unlink(missing_ok=True)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if _CONFIRMED.exists() and _CONFIRMED.read_text() == digest:
            _CONFIRMED.unlink()
            return
        time.sleep(_LOOK_EVERY_S)
    why = f"no confirmation of {digest[:12]} within {within_s:g} s"
    raise Fault("not confirmed", why, "see whether the host can still be reached with the new configuration")


def confirm(digest: str, within_s: float) -> str:
    """Confirm the change to a digest, once it is ready for that.

    Returns:
        What happened, for people.

    Raises:
        Fault: The host never got to that digest.
    """
    deadline = time.monotonic() + within_s
    told = False
    while time.monotonic() < deadline:
        change, last = state.under_way(), state.committed()
        if change is None and last is not None and last.digest == digest:
            return "confirmed" if told else "already in force"
        if change is not None and change.digest == digest and change.phase.startswith("awaiting") and not told:
            write_whole(_CONFIRMED, digest.encode())
            told = True
            deadline = time.monotonic() + ENDING_S
        time.sleep(_LOOK_EVERY_S)
    why = "its commit was confirmed but has not ended" if told else f"no commit of it waited within {within_s:g} s"
    raise Fault(f"{digest[:12]} is not in force", why, "see the report of the commit")

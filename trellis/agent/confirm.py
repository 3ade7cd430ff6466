"""The confirmation of a commit, which comes over a connection of its own.

That a fresh connection gets through is the proof that the new configuration has not cut the host off. So one that is
older than the moment from which the change could be confirmed is told to come again (exit status 75), also where a
client shares one connection among several commands: what counts is when sshd began to serve it. `commit` waits for
the confirmation when its manifest names `confirm_within_s`, and takes everything back when it does not come.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from trellis.agent import state
from trellis.agent.files import write_whole
from trellis.agent.lock import working_on
from trellis.agent.report import Fault

WAIT_S = 300.0
"""How long `confirm` waits for a commit to begin, unless told otherwise."""

STARTS_S = 30.0
"""How long a commit may take to begin after its confirmation came: an earlier outcome counts when none has by then."""

COMMIT_BEGINS_S = 10.0
"""How long a commit that comes together with its confirmation may take to begin, where its digest is in force already:
a host that has lost something of it is changed all the same, and then needs the confirmation."""

ENDING_S = 60.0
"""How long it may take until one sees how a commit ended that was confirmed and is not at work any more."""

EXIT_COME_AGAIN = 75
"""What `confirm` ends with when it must come again over a new connection (EX_TEMPFAIL of sysexits.h)."""

_LOOK_EVERY_S = 0.2
_CONFIRMED = Path("/run/trellis/confirmed")
_ASKED = Path("/run/trellis/asked")


class ComeAgain(Fault):
    """The change waits for its confirmation, and this connection is older than that."""


def forget() -> None:
    """Drop a confirmation of an earlier change."""
    _CONFIRMED.unlink(missing_ok=True)


def await_confirmation(digest: str, within_s: float) -> None:
    """Wait until somebody confirms a digest.

    Raises:
        Fault: Nobody did in time.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if _CONFIRMED.exists() and _CONFIRMED.read_text() == digest:
            forget()
            return
        time.sleep(_LOOK_EVERY_S)
    why = f"no confirmation of {digest[:12]} within {within_s:g} s over a new connection"
    raise Fault("not confirmed", why, "see whether the host can still be reached with the new configuration")


def confirm(digest: str, within_s: float, *, ask_first: bool = False, with_commit: bool = False) -> str:
    """Confirm the change to a digest, once it is ready for that.

    Args:
        digest: The manifest's.
        within_s: How long to wait for its commit to begin; once it has, its own limits count.
        ask_first: The first to come once the change waits is told to come again, however new its connection is:
            somebody waits for other hosts, and must hear that this one is ready before it is confirmed.
        with_commit: A commit of the digest is sent at the same time, and may come later than this.

    Returns:
        What happened, for people.

    Raises:
        ComeAgain: It must be confirmed over a connection that begins now.
        Fault: The host never got to that digest.
    """
    began, connected = state.clock(), connected_since()
    deadline = began + within_s
    told, seen = False, not with_commit
    while True:
        at_work, change, last, now = working_on() == digest, state.under_way(), state.committed(), state.clock()
        if change is not None and change.digest == digest and change.awaiting_since_s is not None and at_work:
            asks = ask_first and _asks_first(digest, change.awaiting_since_s)
            if connected < change.awaiting_since_s or asks:
                why = "it is in force and waits, and this connection is older than that"
                raise ComeAgain(f"{digest[:12]} is ready to be confirmed over a new connection", why, "connect anew")
            if not told:
                write_whole(_CONFIRMED, digest.encode())
                told, deadline = True, now + ENDING_S
        elif not at_work:
            if last is not None and last.digest == digest and (told or seen or now >= began + COMMIT_BEGINS_S):
                return "confirmed" if told else "already in force"
            if told and (ended := state.last_run()) and (ended.digest, ended.outcome) == (digest, "applied"):
                return "confirmed"  # a release: nothing of ours is committed after it
            _raise_if_over(digest, began)
        seen = seen or at_work
        # As long as its commit is at work, the commit's own limits count.
        if now >= deadline and not at_work:
            late = "its commit was confirmed and did not stand" if told else f"no commit of it within {within_s:g} s"
            raise Fault(f"{digest[:12]} is not in force", late, "see the report of the commit")
        time.sleep(_LOOK_EVERY_S)


def _asks_first(digest: str, since_s: float) -> bool:
    """Whether nobody has asked for this change so far; from now on somebody has."""
    change = f"{digest} {since_s}"
    if _ASKED.exists() and _ASKED.read_text() == change:
        return False
    write_whole(_ASKED, change.encode())
    return True


def _raise_if_over(digest: str, began_s: float) -> None:
    """Raise a Fault when a run ended without the digest in force, and no other one follows it."""
    ended = state.last_run()
    if ended is None or ended.digest != digest or ended.outcome == "applied":
        return
    # One from before this confirmation is an earlier run's, or this change has ended while it came again.
    if ended.ended_s >= began_s or state.clock() >= began_s + STARTS_S:
        raise Fault(f"{digest[:12]} is not in force: {ended.outcome}", ended.why, "see the report of the commit")


def connected_since() -> float:
    """When the connection began that this process serves, by `state.clock`; its own start where there is none."""
    found, pid = _started(os.getpid()), os.getpid()
    while pid > 1:
        name, parent, started = _process(pid)
        # The process that sshd starts for each connection: sshd-session since OpenSSH 9.8, sshd before.
        if name.startswith("sshd"):
            return started
        pid = parent
    return found


def _started(pid: int) -> float:
    return _process(pid)[2]


def _process(pid: int) -> tuple[str, int, float]:
    """The name, the parent and the start of a process."""
    head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    fields = rest.split()
    # proc(5): state is field 3, ppid 4, starttime 22, in ticks since boot.
    return head.partition("(")[2], int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")

"""Running a program for a bounded time: in a process group of its own, all of which ends with the time limit.

It also ends with the agent: what a killed agent leaves behind must not go on changing the host.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import BinaryIO

from trellis.agent.report import Fault


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    status: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines of both streams, without the chatter of a vtysh that distributes a file to the daemons."""
        return telling(self.out + self.err)


def telling(text: str) -> list[str]:
    """The lines of a text that say something, without the chatter of a vtysh that distributes a file to the daemons."""
    chatter = ("sending configuration", "] done", "Waiting for children")
    return [line.strip() for line in text.splitlines() if line.strip() and not any(word in line for word in chatter)]


class OutOfTime(Fault):
    """A program did not end within its time; it and its children were killed."""


_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)


def end_with_the_agent() -> None:
    """Have the kernel end the calling process when its parent ends; for `preexec_fn`."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _in_memory() -> BinaryIO:
    return os.fdopen(os.memfd_create("trellis"), "w+b")


def run(argv: list[str], within_s: float) -> Ended:
    """Run a program to its end, or end it and its children when its time is over.

    Args:
        argv: The program and its arguments; no shell is involved.
        within_s: Its time limit, in seconds.

    Raises:
        OutOfTime: It was still running then.
        Fault: There is no such program.
    """
    # No pipes: a daemon that the program starts would hold one open for as long as it lives. No files either: on a
    # full disk they would be cut short, and a configuration read through one would seem to lack lines.
    with _in_memory() as out, _in_memory() as err:
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=end_with_the_agent,  # noqa: PLW1509 - unsafe beside threads only; there are none
            )
        except OSError as error:
            raise Fault(argv[0], error.strerror or str(error), f"install the package that has {argv[0]}") from error
        try:
            child.wait(within_s)
        except subprocess.TimeoutExpired as error:
            why = f"no end after {within_s:g} s; it was killed"
            raise OutOfTime(" ".join(argv), why, "see what holds it up (ps, vtysh), then run again") from error
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        out.seek(0)
        err.seek(0)
        return Ended(child.returncode, out.read().decode(errors="replace"), err.read().decode(errors="replace"))

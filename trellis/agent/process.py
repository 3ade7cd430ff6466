"""Running a program for a bounded time: in a process group of its own, all of which ends with the time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass

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
        chatter = ("sending configuration", "] done", "Waiting for children")
        lines = (self.out + self.err).splitlines()
        return [line.strip() for line in lines if line.strip() and not any(word in line for word in chatter)]


class OutOfTime(Fault):
    """A program did not end within its time; it and its children were killed."""


def run(argv: list[str], within_s: float) -> Ended:
    """Run a program to its end, or end it and its children when its time is over.

    Args:
        argv: The program and its arguments; no shell is involved.
        within_s: Its time limit, in seconds.

    Raises:
        OutOfTime: It was still running then.
        Fault: There is no such program.
    """
    # Files, not pipes: a daemon that the program starts would hold a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
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

"""A deployment to one host that a controller carries out (`trellis.lab.faults.controller`), as its user sees it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trellis.lab.errors import LabError

END_S = 300.0
"""Longer than any deployment of the faults: their confirmations are waited for 15 s, their reloads 60 s."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a deployment ended, as its user was told.

    Args:
        ok: Whether it was said to be done.
        status: The exit status of the agent; None if nobody heard of it.
        text: All that was said, and the error.
        step: Which step failed; empty if none did, or it is not known.
        why: The error alone.
        report: The agent's report.
    """

    ok: bool
    status: int | None
    text: str
    step: str = ""
    why: str = ""
    report: dict[str, Any] = field(default_factory=dict)


class Deployment:
    """A deployment to one host that has begun."""

    def __init__(self, namespace: str, request: dict[str, Any]) -> None:
        """Start it.

        Args:
            namespace: The controller's namespace.
            request: What `main` reads: a login, the agent's command and its standard input.
        """
        argv = ["ip", "netns", "exec", namespace, sys.executable, "-P", "-m", "trellis.lab.faults.controller"]
        search = os.pathsep.join([str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")])
        self.host = str(request["host"])
        self.lines: list[str] = []
        self._answer: dict[str, Any] | None = None
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": search.rstrip(os.pathsep)},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin:
            self._process.stdin.write(json.dumps(request))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, within_s: float) -> bool:
        """Wait until the agent says a line that holds a pattern.

        Returns:
            Whether it did; not, if the deployment ended or the time was over before.
        """
        wanted, deadline = re.compile(pattern), time.monotonic() + within_s
        with self._heard:
            while not (found := any(wanted.search(line) for line in self.lines)):
                if not self._reader.is_alive() or time.monotonic() > deadline:
                    break
                self._heard.wait(0.1)
        return found

    def kill(self) -> None:
        """End the controller at once, as `kill -9` does."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def running(self) -> bool:
        """Whether the controller still works on it."""
        return self._process.poll() is None

    def wait(self, within_s: float = END_S) -> Told:
        """Wait for its end.

        Raises:
            LabError: It did not come.
        """
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            words = "; ".join(self.lines[-3:])
            raise LabError(
                f"the deployment to {self.host}", why=f"no end after {within_s:g} s: {words}", remedy="see the host"
            ) from None
        self._reader.join(5)
        said = "\n".join(self.lines)
        if self._answer is None:
            return Told(ok=False, status=None, text=said, why="the controller ended without an answer")
        return _told(self._answer, said)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                self._note(line)

    def _note(self, line: str) -> None:
        with self._heard, suppress(ValueError):
            message = json.loads(line)
            if "line" in message:
                self.lines.append(message["line"])
            else:
                self._answer = message
            self._heard.notify_all()


def _told(answer: dict[str, Any], said: str) -> Told:
    if "unreached" in answer:
        lost = answer["unreached"]
        why = f"{lost['host']}: {lost['step']}: {lost['why']}; {lost['remedy']}"
        return Told(ok=False, status=None, text=f"{said}\n{why}", step=lost["step"], why=why)
    report, status = answer["report"], answer["status"]
    error = report.get("error") or {}
    last = (answer["said"].strip() or said).splitlines()[-1:]
    why = "" if status == 0 else f"no report, exit status {status}; the last that was said: {' '.join(last)}"
    if error:
        why = f"{error['what']}: {error['why']}"
    step = report.get("failed_step") or ""
    return Told(status == 0, status, f"{said}\n{why}", step, why, report)

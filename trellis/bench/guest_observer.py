"""The agent's observer on a host that is measured: what it is that looks at the guests' sessions each second."""

from __future__ import annotations

import subprocess
import time
from importlib.util import find_spec
from threading import Thread
from types import TracebackType
from typing import Self

from trellis.agent.bundle import agent_text
from trellis.agent.itself import AGENT_PATH
from trellis.bench.guest_hosts import Daemon
from trellis.bench.processes import BenchError
from trellis.lab.scratch import ScratchFrr

_NUMBER = "/run/observer.pid"
_START_LIMIT_S = 30.0


def can_observe() -> bool:
    """Return whether the agent has an observer."""
    return find_spec("trellis.agent.observe") is not None


class Observer:
    """`agent.py observe`, for as long as the `with` block lasts.

    Attributes:
        written: Lines and bytes that it has written so far.
    """

    def __init__(self, frr: ScratchFrr) -> None:
        """Describe it; entering the `with` block starts it and waits for its first line."""
        self._frr = frr
        self.written = (0, 0)

    def __enter__(self) -> Self:
        self._frr.run(["rm", "-f", AGENT_PATH, _NUMBER])
        self._frr.write(AGENT_PATH, agent_text(), 0o755)
        script = f"echo $$ > {_NUMBER}; exec /usr/bin/python3 {AGENT_PATH} observe --every-s 1"
        self._process = subprocess.Popen(self._frr.command(["sh", "-c", script]), stdout=subprocess.PIPE)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        deadline = time.monotonic() + _START_LIMIT_S
        while not self.written[0]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BenchError("the observer wrote no line; what it said is on standard error")
            time.sleep(0.05)
        self._pid = int(self._frr.read(_NUMBER))
        self.process = Daemon(self._frr, self._pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frr.run(["kill", "-9", str(self._pid)])
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        if self._process.stdout is not None:  # Popen was given a pipe: this narrows types
            for line in self._process.stdout:
                lines, size = self.written
                self.written = (lines + 1, size + len(line))

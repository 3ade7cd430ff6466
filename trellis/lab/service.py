"""A server of the lab as a process of its own: started in a namespace, found again by its number, ended by it.

What it serves is its own package's (``trellis.lab.proxmox``, ``trellis.lab.routeros``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis.lab.errors import LabError

Say = Callable[[str], None]

_POLL_S = 0.1
_LAST_LINES = 12

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process started itself and must therefore wait for when it has ended."""


@dataclass(frozen=True, slots=True)
class Service:
    """A server, running or not.

    Args:
        name: For people, as in "the Proxmox API at https://10.10.0.200:8006".
        folder: Where its number and its log are kept.
        stem: How these files begin: `STEM.pid`, `STEM.log`.
        known_by: An argument of its command that no other process has: numbers are used again.
    """

    name: str
    folder: Path
    stem: str
    known_by: str

    @property
    def log(self) -> Path:
        """What it has printed."""
        return self.folder / f"{self.stem}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.stem}.pid"

    def start(self, command: Sequence[str], ready: Callable[[], bool], timeout_s: float = 30) -> int:
        """Start it and wait until it is ready; returns its number.

        Args:
            command: The command line, behind `ip netns exec NAME` where it runs in a namespace.
            ready: Whether it can be asked.
            timeout_s: How long to wait.

        Raises:
            LabError: It ended or was not ready in time; the message holds the end of its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _children[child.pid] = child
        self._pid_file.write_text(f"{child.pid}\n")
        deadline = time.monotonic() + timeout_s
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                words = "\n".join(self.log.read_text().splitlines()[-_LAST_LINES:])
                raise LabError(
                    self.name,
                    why=f"it did not begin to listen; the end of its log:\n{words}",
                    remedy="see whether the address is there and the port is free, then trellis lab up",
                )
            time.sleep(_POLL_S)
        return child.pid

    def pid(self) -> int | None:
        """Its process's number, if it runs."""
        if not self._pid_file.exists():
            return None
        pid = int(self._pid_file.read_text())
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if self.known_by.encode() in words else None

    def stop(self, timeout_s: float = 10) -> None:
        """End it, if it runs.

        Args:
            timeout_s: How long it may take to end by itself.
        """
        pid = self.pid()
        if pid is not None:
            self._end(pid, timeout_s)
        self._pid_file.unlink(missing_ok=True)

    def _end(self, pid: int, timeout_s: float) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                if pid in _children:
                    _children[pid].poll()
                if self.pid() is None:
                    if child := _children.pop(pid, None):
                        child.wait(timeout_s)
                    return
                time.sleep(_POLL_S)

"""The API as a process of its own, started in a namespace and ended by its number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.proxmox import config as configuration
from trellis.lab.proxmox.server import READY

Say = Callable[[str], None]

_POLL_S = 0.1

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process started itself and must therefore wait for when it has ended."""


def start(config_path: Path, *, prefix: Sequence[str] = (), say: Say, timeout_s: float = 30) -> int:
    """Start the API and wait until it listens. If it runs already, nothing happens.

    Args:
        config_path: Its configuration file.
        prefix: What the command is put behind, for example `ip netns exec NAME`.
        say: Takes lines of progress.
        timeout_s: How long to wait, seconds.

    Returns:
        The process's number.

    Raises:
        LabError: It ended or did not listen in time; the message holds the end of its log.
    """
    config = configuration.read(config_path)
    if (running := is_running(config_path)) is not None:
        return running
    folder = Path(config.state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / READY).unlink(missing_ok=True)
    command = [*prefix, sys.executable, "-m", "trellis.lab.proxmox", "--config", str(config_path.resolve())]
    say(f"Proxmox API: starting at {config.url}")
    with (folder / "api.log").open("a") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    _children[child.pid] = child
    (folder / "api.pid").write_text(f"{child.pid}\n")
    deadline = time.monotonic() + timeout_s
    while not (folder / READY).exists():
        if child.poll() is not None or time.monotonic() > deadline:
            stop(config_path)
            raise LabError(
                f"the Proxmox API at {config.url}",
                why="it did not begin to listen; the end of its log:\n" + _tail(folder / "api.log"),
                remedy="see whether the address is there and the port is free, then trellis lab up",
            )
        time.sleep(_POLL_S)
    return child.pid


def is_running(config_path: Path) -> int | None:
    """The process's number if the API of this configuration runs."""
    file = Path(configuration.read(config_path).state_dir) / "api.pid"
    if not file.exists():
        return None
    pid = int(file.read_text())
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if str(config_path.resolve()).encode() in words else None


def stop(config_path: Path, *, timeout_s: float = 10) -> None:
    """End the API, if it runs.

    Args:
        config_path: Its configuration file.
        timeout_s: How long it may take to end by itself, seconds.
    """
    folder = Path(configuration.read(config_path).state_dir)
    pid = is_running(config_path)
    if pid is not None:
        _end(pid, config_path, timeout_s)
    for name in ("api.pid", READY):
        (folder / name).unlink(missing_ok=True)


def _end(pid: int, config_path: Path, timeout_s: float) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if pid in _children:
                _children[pid].poll()
            if is_running(config_path) is None:
                if child := _children.pop(pid, None):
                    child.wait(timeout_s)
                return
            time.sleep(_POLL_S)


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text().splitlines()[-lines:])

"""The API as a process of its own, known by its configuration file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trellis.lab.proxmox import config as configuration
from trellis.lab.proxmox.server import READY
from trellis.lab.service import Service

Say = Callable[[str], None]


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
    service = _service(config_path)
    if (running := service.pid()) is not None:
        return running
    ready = service.folder / READY
    ready.unlink(missing_ok=True)
    command = [*prefix, sys.executable, "-m", "trellis.lab.proxmox", "--config", str(config_path.resolve())]
    say(f"Proxmox API: starting at {configuration.read(config_path).url}")
    return service.start(command, ready.exists, timeout_s)


def is_running(config_path: Path) -> int | None:
    """The process's number if the API of this configuration runs."""
    return _service(config_path).pid()


def stop(config_path: Path, *, timeout_s: float = 10) -> None:
    """End the API, if it runs.

    Args:
        config_path: Its configuration file.
        timeout_s: How long it may take to end by itself, seconds.
    """
    service = _service(config_path)
    service.stop(timeout_s)
    (service.folder / READY).unlink(missing_ok=True)


def _service(config_path: Path) -> Service:
    config = configuration.read(config_path)
    return Service(f"the Proxmox API at {config.url}", Path(config.state_dir), "api", str(config_path.resolve()))

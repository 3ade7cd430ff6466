"""What Proxmox does on a node when the network is reloaded: interfaces, daemons, frr.conf, FRR.

Each function is one of Proxmox's own steps, with its side effects. Where Proxmox only warns, this warns:
a failing reload of FRR does not fail the node.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from . import configuration, generated, interfaces, kernel
from .configuration import RunningConfig
from .frr_conf import force_daemons, frr_conf
from .settings import Settings

RUNNING = Path("/etc/pve/sdn/.running-config")
INTERFACES = Path("/etc/network/interfaces.d/sdn")
FRR_CONF = Path("/etc/frr/frr.conf")
FRR_LOCAL = Path("/etc/frr/frr.conf.local")
FRR_DAEMONS = Path("/etc/frr/daemons")
FRR_RELOAD = "/usr/lib/frr/frr-reload.py"
FRR_WANTED = Path("/etc/systemd/system/multi-user.target.wants/frr.service")
LOCK = Path("/run/lock/pve-network.lock")

Say = Callable[[str], None]


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Let one reload of the network run at a time."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as handle:
        flock(handle, LOCK_EX)
        yield


def read_running() -> dict[str, Any]:
    """The committed configuration as this node knows it; empty where there is none."""
    if not RUNNING.exists():
        return {}
    document: dict[str, Any] = json.loads(RUNNING.read_text() or "{}")
    return document


def store_running(document: dict[str, Any]) -> None:
    """Keep the committed configuration, for the next boot."""
    _write(RUNNING, json.dumps(document, indent=1, sort_keys=True) + "\n")


def has_frr(config: RunningConfig, settings: Settings) -> bool:
    """Whether this configuration gives reason to write frr.conf."""
    return bool(config.controllers) or (settings.behaviour.serves_local_file and FRR_LOCAL.exists())


def reload_network(document: dict[str, Any], settings: Settings, regenerate_frr: bool, say: Say) -> None:
    """Make the node what a committed configuration says.

    Args:
        document: The `.running-config` document.
        settings: This node's name and release.
        regenerate_frr: Whether to write frr.conf as well.
        say: Takes a line of progress.

    Raises:
        kernel.CommandError: The devices could not be made.
        MergeError: Proxmox's generator would fail on frr.conf.local.
    """
    config = configuration.parse(document)
    kernel.bring_dummies(say)
    underlays = kernel.find_underlays(config)
    say(f"{settings.node}: reloading network config")
    before = interfaces.read(INTERFACES.read_text()) if INTERFACES.exists() else []
    wanted = interfaces.generate(config, settings.node, underlays)
    if not config.is_empty:
        _write(INTERFACES, interfaces.write(config.version, wanted))
    kernel.bring(wanted, before, say)
    if regenerate_frr:
        regenerate(config, settings, say)


def bring_up(say: Say) -> None:
    """Make the devices of the files that are there: what happens at boot, before FRR starts."""
    kernel.bring_dummies(say)
    if INTERFACES.exists():
        kernel.bring(interfaces.read(INTERFACES.read_text()), [], say)


def frr_text(config: RunningConfig, settings: Settings) -> str:
    """The frr.conf that Proxmox would write on this node now."""
    made = generated.generate(config, settings.node, kernel.find_underlays(config))
    local = FRR_LOCAL.read_text() if FRR_LOCAL.exists() else ""
    return frr_conf(made, local, settings.node, settings.behaviour)


def regenerate(config: RunningConfig, settings: Settings, say: Say) -> None:
    """Rewrite /etc/frr/daemons and /etc/frr/frr.conf, then reload FRR, or restart it where daemons changed."""
    if not FRR_CONF.parent.is_dir():
        say("frr is not installed, not generating any frr configuration")
        return
    restart = False
    if settings.behaviour.rewrites_daemons and FRR_DAEMONS.exists():
        text = FRR_DAEMONS.read_text()
        restart = force_daemons(text) != text
        _write(FRR_DAEMONS, force_daemons(text), only_if_different=False)
    _write(FRR_CONF, frr_text(config, settings), only_if_different=False)
    _activate(restart, say)


def _activate(restart: bool, say: Say) -> None:
    if not FRR_WANTED.exists():
        _warned(["systemctl", "enable", "--now", "frr"], say)
    if restart:
        say("  /etc/frr/daemons changed: restarting frr")
    elif _warned([FRR_RELOAD, "--stdout", "--reload", str(FRR_CONF)], say):
        return
    else:
        say("WARN: reloading frr configuration failed, trying to restart frr instead")
    _warned(["systemctl", "restart", "frr"], say)


def _warned(argv: list[str], say: Say) -> bool:
    try:
        kernel.run(argv)
    except kernel.CommandError as error:
        say(f"WARN: {error}")
        return False
    return True


def dry_run(document: dict[str, Any], settings: Settings) -> dict[str, str | None]:
    """How frr.conf and the interfaces would differ, as `diff -b -N -u` shows it; None where nothing differs."""
    config = configuration.parse(document)
    wanted = interfaces.generate(config, settings.node, kernel.find_underlays(config))
    return {
        "frr-diff": _diff(FRR_CONF, frr_text(config, settings)),
        "interfaces-diff": _diff(INTERFACES, interfaces.write(config.version, wanted)),
    }


def _diff(path: Path, text: str) -> str | None:
    with tempfile.NamedTemporaryFile("w", prefix="dry-run-") as candidate:
        candidate.write(text)
        candidate.flush()
        argv = ["diff", "-b", "-N", "-u", str(path), candidate.name]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout or None


def _write(path: Path, text: str, *, only_if_different: bool = True) -> None:
    """Replace a file as Proxmox's tools do: a new file of mode 0644, renamed over the old one."""
    if only_if_different and path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text)
    temporary.chmod(0o644)
    temporary.rename(path)

"""What the agent remembers on the host: what was committed, what is under way, and a backup of what was before.

All of it lies under /var/lib/trellis, readable for root alone: configurations hold secrets.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trellis.agent.files import Found, write_whole

HOME = Path("/var/lib/trellis")
KEPT_BACKUPS = 30
"""Backups that stay on a host; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What was last committed on this host, with the manifest as it was read and the backup of what was before."""

    digest: str
    backup: int
    manifest: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A change that has begun to replace files and has neither been committed nor taken back."""

    digest: str
    backup: int
    paths: list[str]
    phase: str = "applying"


def committed() -> Committed | None:
    """What was last committed, or nothing."""
    entry = _read("committed.json")
    return Committed(**entry) if entry else None


def under_way() -> UnderWay | None:
    """The change under way, or one whose agent died in it; or nothing."""
    entry, last = _read("under-way.json"), committed()
    change = UnderWay(**entry) if entry else None
    # Committed, but the agent died before it could say that this is over.
    return None if change and last and change.backup == last.backup else change


def begin(change: UnderWay) -> None:
    """Remember a change before it replaces the first file, and each phase that it reaches."""
    _write("under-way.json", asdict(change))


def end() -> None:
    """The change is over: committed, or taken back."""
    (HOME / "under-way.json").unlink(missing_ok=True)


def commit(entry: Committed) -> None:
    """Remember what holds now; with this, and at no other moment, a change is committed."""
    _write("committed.json", asdict(entry))


@dataclass(frozen=True, slots=True)
class Backup:
    """What a host held and ran before a change: a folder with the files, FRR's configuration and an index."""

    number: int
    running: str
    sysctls: dict[str, str]
    outside: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return HOME / "backup" / str(self.number)


def back_up(
    files: dict[str, Found | None], running: str, sysctls: dict[str, str], outside: dict[str, Any], why: str
) -> Backup:
    """Keep a copy of files, of the running configuration, of kernel parameters and of what is outside FRR.

    Args:
        files: By path, what each held; nothing where there was none.
        running: The running configuration as FRR printed it.
        sysctls: Kernel parameters by key.
        outside: Loopbacks, firewall and units, as `trellis.agent.outside` saw them.
        why: What is about to happen, for whoever reads the index.

    Returns:
        The backup; its index is written last, so that one with an index is complete.
    """
    numbers = _backups()
    backup = Backup(max(numbers, default=0) + 1, running, sysctls, outside)
    backup.folder.mkdir(mode=0o700, parents=True)
    index: dict[str, Any] = {"why": why, "files": {}, "sysctls": sysctls, "outside": outside}
    index["running_sha256"] = _sha256(running.encode())
    for path, file in files.items():
        if file is None:
            index["files"][path] = None
            continue
        copy = backup.folder / "files" / path.lstrip("/")
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(copy, file.content)
        index["files"][path] = {
            "sha256": _sha256(file.content),
            "mode": f"{file.mode:04o}",
            "owner": file.owner,
            "group": file.group,
        }
    write_whole(backup.folder / "running.conf", running.encode())
    write_whole(backup.folder / "index.json", json.dumps(index, indent=2).encode())
    for number in numbers[: -KEPT_BACKUPS + 1]:
        shutil.rmtree(HOME / "backup" / str(number), ignore_errors=True)
    return backup


def backup(number: int) -> Backup:
    """A backup taken earlier."""
    folder = HOME / "backup" / str(number)
    index = json.loads((folder / "index.json").read_text())
    return Backup(number, (folder / "running.conf").read_bytes().decode(), index["sysctls"], index.get("outside", {}))


def prepare() -> None:
    """Make the agent's folder, for root alone."""
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    HOME.chmod(0o700)


def _backups() -> list[int]:
    folder = HOME / "backup"
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()) if folder.exists() else []


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(name: str) -> dict[str, Any] | None:
    try:
        entry = json.loads((HOME / name).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return entry if isinstance(entry, dict) else None


def _write(name: str, entry: dict[str, Any]) -> None:
    write_whole(HOME / name, json.dumps(entry, indent=2).encode())

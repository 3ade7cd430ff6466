"""A backup of what a host held and ran before a change, with digests: what a restore starts from, and a release.

Each is a folder of its own below /var/lib/trellis/backup: the files, FRR's running configuration, and an index that
is written last, so that a backup with an index is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trellis.agent import state
from trellis.agent.files import Found, write_whole
from trellis.agent.report import Fault

KEPT = 30
"""Backups that stay on a host; the oldest go first, but never the one from before the first deploy."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a host held and ran before a change.

    Attributes:
        running: FRR's running configuration as FRR printed it.
        sysctls: Kernel parameters by key.
        outside: Loopbacks, firewall and units, as `trellis.agent.outside` saw them, and which unit reads what.
    """

    number: int
    running: str
    sysctls: dict[str, str]
    outside: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return state.HOME / "backup" / str(self.number)

    def files(self) -> dict[str, Found | None]:
        """What each file held, by path; nothing where there was none.

        Raises:
            Fault: A copy is not what was copied.
        """
        index = json.loads((self.folder / "index.json").read_text())
        return {path: self._copy(path, entry) for path, entry in index["files"].items()}

    def _copy(self, path: str, entry: dict[str, str] | None) -> Found | None:
        if entry is None:
            return None
        content = (self.folder / "files" / path.lstrip("/")).read_bytes()
        if _sha256(content) != entry["sha256"]:
            why = f"the copy of {path} does not have the digest that was written down with it"
            raise Fault(f"backup {self.number} is damaged", why, f"see {self.folder}, and check the disk")
        return Found(content, int(entry["mode"], 8), entry["owner"], entry["group"])


def take(
    files: Mapping[str, Found | None], running: str, sysctls: dict[str, str], outside: dict[str, Any], why: str
) -> Backup:
    """Keep a copy of files, of the running configuration, of kernel parameters and of what is outside FRR.

    Args:
        files: By path, what each held; nothing where there was none.
        running: The running configuration as FRR printed it.
        sysctls: Kernel parameters by key.
        outside: Loopbacks, firewall and units, as `trellis.agent.outside` saw them.
        why: What is about to happen, for whoever reads the index.
    """
    known = numbers()
    backup = Backup(max(known, default=0) + 1, running, sysctls, outside)
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
    _prune(known)
    return backup


def read(number: int) -> Backup:
    """A backup taken earlier.

    Raises:
        Fault: It is not there, or not whole.
    """
    folder = state.HOME / "backup" / str(number)
    try:
        index = json.loads((folder / "index.json").read_text())
        running = (folder / "running.conf").read_bytes()
    except (OSError, ValueError) as error:
        raise Fault(f"backup {number}", f"cannot be read: {error}", f"see {folder}, and check the disk") from error
    if _sha256(running) != index["running_sha256"]:
        raise Fault(f"backup {number} is damaged", "running.conf has another digest", f"see {folder}")
    return Backup(number, running.decode(), index["sysctls"], index.get("outside", {}))


def _prune(numbers: list[int]) -> None:
    last = state.committed()
    # Where an older agent did not write down which was the first, the oldest is as near as one can get.
    kept = {last.first or numbers[0], last.backup} if last and numbers else set()
    for number in numbers[: -KEPT + 1]:
        if number not in kept:
            shutil.rmtree(state.HOME / "backup" / str(number), ignore_errors=True)


def numbers() -> list[int]:
    """The numbers of the backups that there are, the oldest first."""
    folder = state.HOME / "backup"
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()) if folder.exists() else []


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

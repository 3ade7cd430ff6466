"""What was committed on this host, when and by what: one file for each commit, with its whole manifest.

A rollback commits one of these manifests again, by the same transaction. The entries are read by people and go with
the backups, the oldest first; what the transaction itself relies on is `state`'s.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from trellis.agent import state
from trellis.agent.files import write_whole
from trellis.agent.report import Fault

KEPT = 30
"""Entries that stay on a host; as many as backups."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit.

    Attributes:
        number: Counts the commits of this host, from 1.
        digest: The manifest's; empty for a release, after which none is in force.
        when: UTC, to the second, by the host's clock.
        why: What did it: ``commit``, ``rollback 3``, ``repair``, ``release``, ``secrets``.
        backup: Number of the backup of what was before.
        manifest: The manifest as it was read; empty for a release.
    """

    number: int
    digest: str
    when: str
    why: str
    backup: int
    manifest: str


def record(committed: state.Committed | None, why: str) -> None:
    """Remember a commit that has just become durable.

    Args:
        committed: What holds now; None when the host was released.
        why: What did it.
    """
    numbers = _numbers()
    entry = Entry(
        max(numbers, default=0) + 1,
        committed.digest if committed else "",
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        why,
        committed.backup if committed else 0,
        committed.manifest if committed else "",
    )
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_folder() / f"{entry.number}.json", json.dumps(asdict(entry), indent=1).encode())
    for number in numbers[: -KEPT + 1]:
        (_folder() / f"{number}.json").unlink(missing_ok=True)


def entries() -> list[Entry]:
    """All that is remembered, the oldest first; what cannot be read is left out."""
    return [entry for number in _numbers() if (entry := _read(number)) is not None]


def entry(number: int) -> Entry:
    """One commit.

    Raises:
        Fault: There is no such one.
    """
    found = _read(number) if number in _numbers() else None
    if found is None:
        known = ", ".join(map(str, _numbers())) or "none"
        raise Fault(f"there is no commit {number} in this host's history", f"it has {known}", "see `trellis history`")
    return found


def _folder() -> Path:
    return state.HOME / "history"


def _numbers() -> list[int]:
    found = _folder().glob("*.json") if _folder().exists() else ()
    return sorted(int(path.stem) for path in found if path.stem.isdigit())


def _read(number: int) -> Entry | None:
    try:
        return Entry(**json.loads((_folder() / f"{number}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None

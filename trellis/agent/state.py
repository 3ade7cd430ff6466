"""What the agent remembers on the host: what was committed, what is under way, and a backup of what was before.

All of it lies under /var/lib/trellis, readable for root alone: configurations hold secrets. The backups themselves
are `backups.py`'s. How the last run ended is for those that run beside it (`confirm`), and gone after a boot.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from trellis.agent.files import sync_folder, write_whole

HOME = Path("/var/lib/trellis")
LAST_RUN = Path("/run/trellis/last.json")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def clock() -> float:
    """Seconds since this boot: what is compared across processes; setting the date does not move it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def this_boot() -> str:
    """The name of this boot; a change of another one has no process any more, and FRR has read its files."""
    return _BOOT_ID.read_text().strip()


@dataclass(frozen=True, slots=True)
class Committed:
    """What was last committed on this host.

    Attributes:
        backup: Number of the backup of what was before.
        manifest: The manifest as it was read.
        first: Number of the backup from before the first deploy; 0 where an older agent did not write it down.
    """

    digest: str
    backup: int
    manifest: str
    first: int = 0


APPLYING = "applying"
AWAITING = "awaiting confirmation"
"""Phases of a change."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A change that has begun to replace files and has neither been committed nor taken back.

    Attributes:
        backup: Number of the backup of what was before.
        paths: The files that it replaces or removes.
        phase: ``APPLYING``, or ``AWAITING`` its confirmation.
        boot: The boot it was begun in.
        awaiting_since_s: When it began to wait for its confirmation, by `clock`.
        over_at_s: When it is over by its own limits, by `clock`: an agent still at it is stuck.
    """

    digest: str
    backup: int
    paths: list[str]
    phase: str = APPLYING
    boot: str = ""
    awaiting_since_s: float | None = None
    over_at_s: float | None = None


def committed() -> Committed | None:
    """What was last committed, or nothing."""
    last = _last_entry()
    return last if last and last.digest else None


def under_way() -> UnderWay | None:
    """The change under way, or one whose agent died in it; or nothing."""
    entry, last = _read(HOME / "under-way.json"), _last_entry()
    change = UnderWay(**_known(entry, UnderWay)) if entry else None
    # Committed, but the agent died before it could say that this is over.
    return None if change and last and change.backup == last.backup else change


def begin(change: UnderWay) -> None:
    """Remember a change before it replaces the first file, and each phase that it reaches."""
    _write("under-way.json", asdict(change))


def end() -> None:
    """The change is over: committed, or taken back."""
    (HOME / "under-way.json").unlink(missing_ok=True)
    sync_folder(HOME)


def commit(entry: Committed) -> None:
    """Remember what holds now; with this, and at no other moment, a change is committed."""
    _write("committed.json", asdict(entry))
    (HOME / "expected.json").unlink(missing_ok=True)


def withdraw(backup: int) -> None:
    """Nothing of ours holds any more: with this a release is committed.

    Args:
        backup: Number of the backup of what was before.
    """
    _write("committed.json", asdict(Committed("", backup, "")))


def expect(text: str) -> None:
    """Remember what FRR will run between an SDN apply and the commit after it: nobody edited a host that runs it."""
    _write("expected.json", {"text": text})


def expected() -> str | None:
    """What `expect` was told last, or nothing."""
    entry = _read(HOME / "expected.json")
    return str(entry["text"]) if entry else None


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run of a transaction on this host ended, and when, by `clock`."""

    digest: str
    outcome: str
    why: str
    ended_s: float


def remember_end(digest: str, outcome: str, why: str) -> None:
    """Tell `confirm` how a run ended."""
    LAST_RUN.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(LAST_RUN, json.dumps(asdict(LastRun(digest, outcome, why, clock()))).encode())


def last_run() -> LastRun | None:
    """How the last run since the boot ended, if there was one that changed something or was refused."""
    entry = _read(LAST_RUN)
    return LastRun(**entry) if entry else None


def prepare() -> None:
    """Make the agent's folder, for root alone."""
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    if HOME.stat().st_mode & 0o077:
        HOME.chmod(0o700)


def _last_entry() -> Committed | None:
    entry = _read(HOME / "committed.json")
    return Committed(**_known(entry, Committed)) if entry else None


def _known(entry: dict[str, Any], kind: type) -> dict[str, Any]:
    """The fields that this agent knows: another version of it may have written the file."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in entry.items() if name in names}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        entry = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return entry if isinstance(entry, dict) else None


def _write(name: str, entry: dict[str, Any]) -> None:
    write_whole(HOME / name, json.dumps(entry, indent=2).encode())

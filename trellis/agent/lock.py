"""One run at a time on a host: a lock that the kernel drops with its holder, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trellis.agent.report import Fault

LOCK = Path("/run/lock/trellis.lock")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock.

    Attributes:
        since_s: When it took it, by the monotonic clock.
        about: The digest that it works on, or nothing.
    """

    pid: int
    since_s: float
    about: str

    def __str__(self) -> str:
        return f"process {self.pid}, for {time.monotonic() - self.since_s:.0f} s"


GUARD = "guard"
"""What the guard says that it works on: it is soon over, and waited for instead of being in the way."""

TAKE_BACK = "take-back"
"""What the timer's run says: it ends a change that nobody works on any more, and is waited for as well."""

GUARD_S = 60.0
"""How long these two are waited for."""

UNSAID_S = 1.0
"""How long a holder is waited for that has not said what it works on: it takes milliseconds to."""

_LOOK_EVERY_S = 0.2


class Locked(Fault):
    """Another run holds the lock."""


@contextlib.contextmanager
def held_lock(path: Path = LOCK, about: str = "") -> Iterator[str]:
    """Hold the host's lock, and leave it behind empty.

    Args:
        path: The lock file; made if there is none.
        about: The digest that this run works on, for those that look.

    Yields:
        What there is to say of it: nothing, or whose lock was recovered.

    Raises:
        Locked: Another run holds it; named with its process id and age.
    """
    path.parent.mkdir(parents=True, exist_ok=True)  # Early at boot there may be no /run/lock yet.
    # The folder is writable for everybody: never follow a link or take over another user's file in it.
    handle = _opened(path)
    try:
        _lock(handle, path)
        left = _note(handle)
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(Holder(os.getpid(), time.monotonic(), about))).encode(), 0)
        yield f"recovered from process {left.pid}, which died holding it" if left else ""
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path = LOCK) -> str | None:
    """Who holds the lock now, as text, or nothing if it is free; looking takes no lock that a run could meet."""
    if not is_held(path):
        return None
    found = noted(path)
    return str(found) if found else "a process that has not said yet who it is"


def working_on(path: Path = LOCK) -> str:
    """The digest that the lock's holder works on; nothing where the lock is free, or it has not said so yet."""
    found = noted(path) if is_held(path) else None
    # The note of a holder that died stays until the next one writes its own.
    return found.about if found and Path(f"/proc/{found.pid}").exists() else ""


def is_held(path: Path = LOCK) -> bool:
    """Whether a living process holds the lock."""
    try:
        status = path.lstat()
    except OSError:
        return False
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    # Fields of a line: number, kind, ADVISORY, WRITE, process id, major:minor:inode, range.
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(lock[1] == "FLOCK" and place in lock for lock in locks)


def noted(path: Path = LOCK) -> Holder | None:
    """What the last holder wrote of itself, if it did and has not given the lock back."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _note(handle)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    began = time.monotonic()
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            about = working_on(path)
            # It may have let go since, or not have said yet what it is about.
            patience_s = {GUARD: GUARD_S, TAKE_BACK: GUARD_S, "": UNSAID_S}.get(about, 0)
            if time.monotonic() >= began + patience_s:
                raise Locked(
                    "another run holds this host's lock",
                    holder(path) or "it has not said yet who it is",
                    "wait for it to end and run again; `agent.py status` shows whether it still works",
                ) from None
        time.sleep(_LOOK_EVERY_S)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise Fault(str(path), error.strerror or str(error), "see what is in its place, and remove it") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        os.close(handle)
        raise Fault(str(path), f"it belongs to user {status.st_uid}, not to the agent", "remove it")
    return handle


def _note(handle: int) -> Holder | None:
    """What the holder wrote of itself, if it did."""
    try:
        entry = json.loads(os.pread(handle, 4096, 0))
        return Holder(int(entry["pid"]), float(entry["since_s"]), str(entry.get("about", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

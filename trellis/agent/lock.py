"""One run at a time on a host: a lock that the kernel drops with its holder, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from trellis.agent.report import Fault

LOCK = Path("/run/lock/trellis.lock")


@contextlib.contextmanager
def held_lock(path: Path = LOCK) -> Iterator[str]:
    """Hold the host's lock, and leave it behind empty.

    Args:
        path: The lock file; made if there is none.

    Yields:
        What there is to say of it: nothing, or whose lock was recovered.

    Raises:
        Fault: Another run holds it; named with its process id and age.
    """
    # The folder is writable for everybody: never follow a link or take over another user's file in it.
    handle = _opened(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault(
                "another run holds this host's lock",
                holder(path) or "it has not said yet who it is",
                "wait for it to end and run again; `agent.py status` shows whether it still works",
            ) from None
        left = _note(handle)
        entry = {"pid": os.getpid(), "since_s": time.monotonic()}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(entry).encode(), 0)
        yield f"recovered from process {left['pid']}, which died holding it" if left else ""
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path = LOCK) -> str | None:
    """Who holds the lock now, as text, or nothing if it is free; looking takes no lock that a run could meet."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        # Fields of a line: number, kind, ADVISORY, WRITE, process id, major:minor:inode, range.
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        if not any(lock[1] == "FLOCK" and place in lock for lock in locks):
            return None
        entry = _note(handle)
    finally:
        os.close(handle)
    if entry is None:
        return "a process that has not said yet who it is"
    return f"process {entry['pid']:.0f}, for {time.monotonic() - entry['since_s']:.0f} s"


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


def _note(handle: int) -> dict[str, float] | None:
    """What the holder wrote of itself, if it did."""
    try:
        entry = json.loads(os.pread(handle, 4096, 0))
        return {"pid": int(entry["pid"]), "since_s": float(entry["since_s"])}
    except (ValueError, KeyError, TypeError):
        return None

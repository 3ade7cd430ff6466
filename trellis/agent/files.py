"""Putting files in place so that each is always whole: the old one or the new one, after a power cut too.

A change of several files has three moves. `stage` writes every new content beside its target and syncs it: a full or
read-only file system is met here, before anything has changed. `publish` keeps the old file under a second name and
renames the new one over it; `remove` keeps it under that name alone. `take_back` renames the old ones back, which
needs no space, and gives back content, mode, owner and times alike; `settle` drops them instead.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trellis.agent import vault
from trellis.agent.manifest import ManagedFile
from trellis.agent.report import Fault

_NEW = ".trellis-new"
_OLD = ".trellis-old"
_ABSENT = ".trellis-absent"


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is on the host."""

    content: bytes
    mode: int
    owner: str
    group: str

    def as_wanted(self, path: str) -> ManagedFile:
        """The same as a file to be put in place, byte for byte."""
        return ManagedFile(path, self.mode, self.owner, self.group, (), self.content)


def found(path: str) -> Found | None:
    """What is at a path, or nothing.

    Raises:
        Fault: It is there, but is no regular file, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _in_the_way(path, error) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Fault(path, "not a regular file", "move it out of the way")
    with os.fdopen(handle, "rb") as file:
        return Found(file.read(), stat.S_IMODE(status.st_mode), *_names(status.st_uid, status.st_gid))


def differences(wanted: ManagedFile, actual: Found | None) -> list[str]:
    """In what a file on the host is not what it is to be: content, mode, owner, group, or all of it."""
    if actual is None:
        return ["missing"]
    pairs = {
        "content": (vault.fill(wanted.content), actual.content),
        "mode": (wanted.mode, actual.mode),
        "owner": (wanted.owner, actual.owner),
        "group": (wanted.group, actual.group),
    }
    return [name for name, (want, have) in pairs.items() if want != have]


def stage(files: list[ManagedFile]) -> None:
    """Write each new content beside its target, synced to the disk; the targets stay as they are.

    Secrets are put in the place of their placeholders here, and in no other text.

    Raises:
        Fault: One could not be written, or this host was not given a secret; none is left behind.
    """
    vault.refuse_unless_known(file.text for file in files if file.raw is None)
    try:
        for file in files:
            _write(_beside(file.path, _NEW), vault.fill(file.content), file.mode, _ids(file))
    except BaseException:
        for file in files:
            _drop(_beside(file.path, _NEW))
        raise


def publish(files: list[ManagedFile]) -> None:
    """Put each staged file in the place of its target, which stays at hand for `take_back`."""
    for file in files:
        target, old, absent = Path(file.path), _beside(file.path, _OLD), _beside(file.path, _ABSENT)
        old.unlink(missing_ok=True)
        absent.unlink(missing_ok=True)
        if target.exists():
            os.link(target, old)
        else:
            absent.touch(mode=0o600)
        _beside(file.path, _NEW).rename(target)
        sync_folder(target.parent)


def remove(paths: Iterable[str]) -> None:
    """Take files out of their places; they stay at hand for `take_back`."""
    for path in paths:
        target, old = Path(path), _beside(path, _OLD)
        _beside(path, _ABSENT).unlink(missing_ok=True)
        if target.exists():
            target.rename(old)
            sync_folder(target.parent)


def take_back(paths: list[str]) -> list[str]:
    """Put back what `publish` replaced, as far as it got.

    Args:
        paths: The files of the interrupted or failed change; those that `publish` never reached are left alone.

    Returns:
        The paths that were put back.

    Raises:
        Fault: Some could not be; all others have been.
    """
    back: list[str] = []
    stuck: list[str] = []
    for path in paths:
        try:
            if _put_back(path):
                back.append(path)
        except OSError as error:
            stuck.append(f"{path}: {error.strerror}")
    if stuck:
        raise Fault(
            "not put back", "; ".join(stuck), "mend the file system; `.NAME.trellis-old` beside each is the old one"
        )
    return back


def _put_back(path: str) -> bool:
    target, old, absent = Path(path), _beside(path, _OLD), _beside(path, _ABSENT)
    _drop(_beside(path, _NEW))
    if old.exists():
        if target.exists() and old.samefile(target):
            # Cut off before its rename. Both are names of one file, and a rename would leave both in place.
            old.unlink()
            return False
        old.rename(target)
    elif absent.exists():
        target.unlink(missing_ok=True)
        absent.unlink()
    else:
        return False
    sync_folder(target.parent)
    return True


def settle(paths: list[str]) -> None:
    """Drop what `take_back` would have put back: the change stands."""
    for path in paths:
        for suffix in (_OLD, _ABSENT, _NEW):
            _drop(_beside(path, suffix))


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write one file of the agent's own so that it is always whole: the old content or the new.

    Raises:
        Fault: It could not be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = _beside(str(path), _NEW)
    _write(new, content, mode, (-1, -1))
    new.rename(path)
    sync_folder(path.parent)


def _write(path: Path, content: bytes, mode: int, ids: tuple[int, int]) -> None:
    try:
        _make_folder(path.parent)
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(handle, *ids)
            os.fchmod(handle, mode)
            os.fsync(handle)
    except OSError as error:
        _drop(path)
        raise _in_the_way(str(path.parent), error) from error


def _make_folder(folder: Path) -> None:
    """Make a folder that all may look into: who is to read a file in it is for the file's mode to say."""
    if folder.exists():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    # The agent's umask would leave it to root alone, whatever mode is asked for.
    folder.chmod(0o755)
    sync_folder(folder.parent)


def _beside(path: str, suffix: str) -> Path:
    """A hidden name in the same folder: on the same file system, and none that a conf.d folder would read."""
    target = Path(path)
    return target.with_name(f".{target.name}{suffix}")


def _drop(leftover: Path) -> None:
    """Remove what is of no use any more; where that cannot be done, the next run will."""
    with contextlib.suppress(OSError):
        leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk hold what was renamed, made or removed in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _ids(file: ManagedFile) -> tuple[int, int]:
    try:
        return pwd.getpwnam(file.owner).pw_uid, grp.getgrnam(file.group).gr_gid
    except KeyError:
        raise Fault(
            file.path, f"this host has no user {file.owner} or no group {file.group}", "install what brings them"
        ) from None


def _names(uid: int, gid: int) -> tuple[str, str]:
    """The names of a user and a group, or their numbers where they have none."""
    try:
        owner = pwd.getpwuid(uid).pw_name
    except KeyError:
        owner = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return owner, group


def _in_the_way(path: str, error: OSError) -> Fault:
    reason = error.strerror or str(error)
    return Fault(
        path, f"cannot be written or read: {reason}", f"see `df {path}` and `findmnt -T {path}`, mend, run again"
    )

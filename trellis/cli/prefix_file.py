"""The prefix file of a stack on the disk, which is replaced whole or not at all; where it is: ``trellis.cli.stack``."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trellis.cli.console import Mistake
from trellis.site.delegated import Prefixes, prefixes_text, read_prefixes


@dataclass(frozen=True, slots=True)
class PrefixFile:
    """What stands in a prefix file.

    Attributes:
        path: Its path.
        content: Its bytes; None where there is no file.
    """

    path: Path
    content: bytes | None

    @classmethod
    def read(cls, path: Path) -> PrefixFile:
        """Read a prefix file.

        Args:
            path: Its path; the file may be missing.

        Raises:
            Mistake: It can't be read.
        """
        try:
            return cls(path, path.read_bytes())
        except FileNotFoundError:
            return cls(path, None)
        except OSError as error:
            raise Mistake(f"{path}: {error.strerror}") from None

    def prefixes(self) -> Prefixes:
        """Return what it says; nothing is delegated where there is no file.

        Raises:
            SiteRefused: It says what can't be.
        """
        return Prefixes() if self.content is None else read_prefixes(self.content)

    def replace(self, prefixes: Prefixes) -> None:
        """Write it anew, so that there is the old file or the new one at any moment, also if the power goes.

        Args:
            prefixes: What it shall say.

        Raises:
            Mistake: It was changed since it was read, or can't be written; then it is as it was.
        """
        if PrefixFile.read(self.path).content != self.content:
            raise Mistake(f"{self.path} was changed meanwhile by somebody else, and stays so; try again", exit_code=1)
        try:
            replace_whole(self.path.resolve(), prefixes_text(prefixes).encode())
        except OSError as error:
            raise Mistake(f"{self.path} can't be written, and is as it was: {error.strerror}", exit_code=1) from None


def replace_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file beside it, down to the disk, and rename: there is the old one or the new one at any moment.

    Args:
        path: The file, which may be missing.
        content: What it shall hold.
        mode: Its mode; by default it stays, and a new file has that of other new files.

    Raises:
        OSError: It can't be written, and is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fchmod(opened.fileno(), mode or (stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644))
            os.fsync(opened.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

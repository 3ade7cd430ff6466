"""Where the password of an edge's reading user comes from: a file of its owner alone, or the environment.

It is never an argument, which every user of the machine could see in the list of processes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TRELLIS_ROUTEROS_PASSWORD"
_LONGEST = 4096


class NoPassword(Exception):
    """There is none, or none that may be used."""


def password_given(edge: str, file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the password with which an edge is asked.

    Args:
        edge: Its name; a variable ending in it (`TRELLIS_ROUTEROS_PASSWORD_EDGE1`) goes before the one for all edges.
        file: A file that holds it, readable by its owner alone; it goes before the environment.
        environment: The environment's variables.

    Raises:
        NoPassword: There is none, or the file can't be read or others can read it.
    """
    own = f"{VARIABLE}_{edge.upper().replace('-', '_')}"
    if file is not None:
        return _usable(_of_file(file), str(file))
    for name in (own, VARIABLE):
        if name in environment:
            return _usable(environment[name], name)
    raise NoPassword(f"there is no password to ask {edge} with; give it by --password-file or in {VARIABLE} (or {own})")


def _usable(text: str, where: str) -> str:
    password = text.removesuffix("\n").removesuffix("\r")
    if not password or not password.isprintable():
        raise NoPassword(f"{where}: a password is one line, not empty, without control characters")
    return password


def _of_file(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            found = os.fstat(opened.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077:
                mode = f"{stat.S_IMODE(found.st_mode):04o}"
                raise NoPassword(f"{file}: its mode is {mode}, so others may read the password; chmod 0600 {file}")
            return opened.read(_LONGEST)
    except OSError as error:
        raise NoPassword(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoPassword(f"{file}: a password is UTF-8") from None

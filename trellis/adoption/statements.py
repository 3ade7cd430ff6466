"""FRR's text as statements: each line with the stanzas it stands in, its file and its number.

Which stanza FRR puts a line in is known in one place (``trellis.pve.nodes``).  Everything that is shown of a line goes
through ``Statement.shown``, which has no secret in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trellis.pve.nodes import read_positions

Path = tuple[str, ...]
"""A line, last, behind the lines that open the stanzas around it."""

HIDDEN = "(a secret, not shown)"
_SECRET = re.compile(
    r"\b((?:password|authentication-key|message-digest-key \d+ md5|key-string|enable secret)(?: [0-9](?= \S))?) \S.*",
)
_SUSPECT = re.compile("password|key|secret|md5")
_WORD_LINES = re.compile(r"(?:enable )?password\b|enable secret\b")
_PLACEHOLDER = re.compile(r"\{\{secret:[a-z0-9-]+\}\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of a host's file that says something.

    Attributes:
        number: Its line in the file, from 1.
        path: The line, its words with one space between, behind the lines that open the stanzas it stands in.
        opens: Whether it opens a stanza itself.
    """

    host: str
    file: str
    number: int
    path: Path
    opens: bool = False

    @property
    def line(self) -> str:
        """The line itself."""
        return self.path[-1]

    @property
    def around(self) -> Path:
        """The lines that open the stanzas it stands in, outermost first."""
        return self.path[:-1]

    @property
    def shown(self) -> str:
        """The path as an operator would name it, without secrets."""
        return masked(" > ".join(self.path))


def masked(text: str) -> str:
    """Return a line without the secret in it; a placeholder of ours is none."""
    if not _SUSPECT.search(text) or _PLACEHOLDER.search(text):
        return text
    if _WORD_LINES.match(text):
        return f"{text.partition(' ')[0]} {HIDDEN}"
    return _SECRET.sub(rf"\1 {HIDDEN}", text)


def statements(host: str, file: str, text: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Return the statements of a FRR configuration, and those that FRR never reads.

    Args:
        host: The host's name.
        file: The file's.
        text: The configuration.

    Returns:
        What FRR reads, in its order; and what stands behind an `exit` at top level, where FRR stops reading.
    """
    raw = text.splitlines()
    reading = read_positions(raw)
    opened: dict[tuple[int, ...], Path] = {(): ()}
    read: list[Statement] = []
    unread: list[Statement] = []
    for index, position in enumerate(reading.positions):
        if position is None:
            continue
        line = " ".join(raw[index].split())
        path = (*opened[position], line)
        opened[*position, index] = path
        opens = line.startswith(_STANZAS)
        found = Statement(host, file, index + 1, path, opens)
        (read if reading.stray_exit is None or index < reading.stray_exit else unread).append(found)
    return tuple(read), tuple(unread)


_STANZAS = ("router ", "vrf ", "interface ", "route-map ", "bfd", "key chain ", "address-family ", "profile ")
"""How the lines begin that open a stanza; all that matters is which of the top level have lines inside."""

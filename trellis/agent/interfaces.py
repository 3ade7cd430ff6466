"""/etc/network/interfaces as text: what it says of one interface, and how it reads with other words for that one.

Stanzas are found by the interface's name. Every line of every other stanza stays as it is, comments and blank lines
between stanzas too. Which words are right is judged in `loopbacks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

OWNER = "# Trellis owns these two stanzas, by the name of the interface."
"""A comment in what we write; it goes when the stanzas are replaced, wherever Proxmox has moved it to."""

_OPENING = ("iface", "mapping", "auto", "source", "source-directory", "rename", "no-auto-down", "no-scripts")
_WHOLE = {"inet": 32, "inet6": 128}


@dataclass(frozen=True, slots=True)
class Described:
    """What a file says of an interface: whether it comes up at boot, and its addresses with their lengths."""

    automatic: bool
    addresses: frozenset[str]


def described(text: str, name: str) -> Described | None:
    """What a text says of an interface; None where it has no stanza for it."""
    automatic, found, addresses = False, False, set()
    for block in _blocks(text.split("\n")):
        if block.words[0] in ("auto", "allow-auto", "allow-hotplug"):
            automatic = automatic or name in block.words[1:]
        elif block.is_of(name):
            found = True
            addresses |= set(_addresses(block))
    return Described(automatic, frozenset(addresses)) if found else None


def with_stanza(text: str, name: str, stanza: tuple[str, ...]) -> str:
    """The text with these lines for an interface: in the place of those that it had, or at its end."""
    lines = text.split("\n")
    dropped = {number for number, line in enumerate(lines) if line.replace(" ", "") == OWNER.replace(" ", "")}
    places = []
    for block in _blocks(lines):
        alone = len(block.words) == 2 and block.words[1] == name
        if block.is_of(name) or (alone and block.words[0] in ("auto", "allow-auto", "allow-hotplug")):
            places.append(block.first)
            dropped |= set(range(block.first, block.last + 1))
    at = min(places, default=len(lines))
    before = _trimmed([line for number, line in enumerate(lines[:at]) if number not in dropped], end=True)
    after = _trimmed([line for number, line in enumerate(lines[at:], at) if number not in dropped], end=False)
    parts = ["\n".join(part) for part in (before, list(stanza), _trimmed(after, end=True)) if part]
    return "\n\n".join(parts) + "\n"


def stanza_of(text: str, name: str) -> tuple[str, ...]:
    """The lines that a text has for an interface: what `with_stanza` takes to put them there again."""
    found: list[str] = []
    for block in _blocks(text.split("\n")):
        alone = block.words[1:] == [name] and block.words[0] in ("auto", "allow-auto", "allow-hotplug")
        if block.is_of(name) or alone:
            found += block.lines
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Block:
    """A line that opens something, with the lines that belong to it: the numbers of its first and last line."""

    first: int
    last: int
    lines: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return self.lines[0].split()

    def is_of(self, name: str) -> bool:
        return self.words[0] == "iface" and self.words[1:2] == [name]


def _blocks(lines: list[str]) -> Iterator[_Block]:
    starts = [number for number, line in enumerate(lines) if _opens(line, lines[number - 1] if number else "")]
    for start, following in zip(starts, [*starts, len(lines)][1:], strict=True):
        last = following - 1
        # What stands between two stanzas, blank lines and comments, belongs to neither.
        while last > start and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
            last -= 1
        yield _Block(start, last, tuple(lines[start : last + 1]))


def _opens(line: str, before: str) -> bool:
    word = (line.split() or [""])[0]
    return not before.endswith("\\") and (word in _OPENING or word.startswith("allow-"))


def _addresses(block: _Block) -> Iterator[str]:
    family = block.words[2] if len(block.words) > 2 else ""
    options = [line.split() for line in block.lines[1:]]
    masks = [words[1] for words in options if words[:1] == ["netmask"] and len(words) > 1]
    for words in options:
        if words[:1] == ["address"] and len(words) > 1:
            whole = _WHOLE["inet6" if ":" in words[1] or family == "inet6" else "inet"]
            address = words[1] if "/" in words[1] else f"{words[1]}/{masks[0] if masks else whole}"
            try:
                yield str(ip_interface(address))
            except ValueError:
                yield address


def _trimmed(lines: list[str], *, end: bool) -> list[str]:
    """The lines without the blank ones at one end."""
    lines = list(lines)
    while lines and not lines[-1 if end else 0].strip():
        lines.pop(-1 if end else 0)
    return lines

"""The lines that differ in each file, under the stanza that they stand in, those of several hosts once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache, partial
from typing import Literal

from trellis.diff.model import Hunk

CONTEXT_LINES = 1
"""Lines around what differs; the stanza is named in any case."""

_ROOM_LINES = 50
"""Lines by which a difference may be moved so that it begins where a stanza does."""

_NO_STANZA = ("!", "exit", "end", "}", "#", "")

Texts = Mapping[tuple[str, str], str]
"""Text by owner and path."""


def hunks(before: Texts, after: Texts, owners: Iterable[str]) -> tuple[Hunk, ...]:
    """Return the differences of all files, by path; equal ones of several owners are one.

    Args:
        before: The files as they were.
        after: The files as they will be.
        owners: Hosts and edges in their order.
    """
    order = list(owners)
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for owner, path in sorted({*before, *after}, key=lambda key: (key[1], order.index(key[0]))):
        for stanza, lines in _of_file(before.get((owner, path), ""), after.get((owner, path), "")):
            named = found.setdefault((path, stanza, lines), [])
            if owner not in named:
                named.append(owner)
    return tuple(Hunk(tuple(named), *where) for where, named in found.items())


@cache
def _of_file(before: str, after: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if before == after:
        return ()
    old, new = before.splitlines(), after.splitlines()
    # Most of a file is as it was: what is alike at both ends needs no search.
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    start = max(0, head - _ROOM_LINES)
    a, b = (lines[start : len(lines) - max(0, tail - _ROOM_LINES)] for lines in (old, new))
    groups = _ByStanza(a, b).get_grouped_opcodes(CONTEXT_LINES)
    return tuple(_hunk(group, a, b, start, old, new) for group in groups)


_Opcode = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]


class _ByStanza(SequenceMatcher[str]):
    """Finds the same lines, and of several places where they may have come or gone takes the start of a stanza.

    A route-map that is added after another may as well begin with the last lines of that one; nobody reads it so.
    """

    def __init__(self, old: list[str], new: list[str]) -> None:
        super().__init__(None, old, new, autojunk=False)
        self._old, self._new = old, new

    def get_opcodes(self) -> list[_Opcode]:
        """Return the differences, each where a stanza begins, if it can be there."""
        found = list(super().get_opcodes())
        for number in range(1, len(found) - 1):
            before, here, behind = found[number - 1 : number + 2]
            if (before[0], behind[0]) == ("equal", "equal") and here[0] != "replace":
                by = next(filter(partial(self._begins, here), self._ways(before, here, behind)), 0)
                found[number - 1 : number + 2] = [_ending(before, by), _at(here, by), _beginning(behind, by)]
        return found

    def _side(self, here: _Opcode) -> tuple[Sequence[str], int, int]:
        """Return the lines that came or went, in their file, and where they begin and end."""
        what, i, j, k, m = here
        return (self._new, k, m) if what == "insert" else (self._old, i, j)

    def _begins(self, here: _Opcode, by: int) -> bool:
        lines, first, _ = self._side(here)
        line = lines[first + by]
        return _indent(line) == 0 and line.strip() not in _NO_STANZA

    def _ways(self, before: _Opcode, here: _Opcode, behind: _Opcode) -> Iterator[int]:
        """Yield by how many lines a difference can be moved and stay one: the lines that it passes are like its own."""
        lines, first, end = self._side(here)
        yield 0
        for up in range(1, before[2] - before[1]):
            if lines[first - up] != lines[end - up]:
                break
            yield -up
        for down in range(behind[2] - behind[1] - 1):
            if lines[first + down] != lines[end + down]:
                break
            yield down + 1


def _at(code: _Opcode, by: int) -> _Opcode:
    return code[0], code[1] + by, code[2] + by, code[3] + by, code[4] + by


def _ending(code: _Opcode, by: int) -> _Opcode:
    return code[0], code[1], code[2] + by, code[3], code[4] + by


def _beginning(code: _Opcode, by: int) -> _Opcode:
    return code[0], code[1] + by, code[2], code[3] + by, code[4]


def _alike(one: list[str], other: list[str]) -> int:
    """Return how many lines are equal from the beginning."""
    shorter = min(len(one), len(other))
    return next((number for number in range(shorter) if one[number] != other[number]), shorter)


def _hunk(
    group: Sequence[tuple[str, int, int, int, int]],
    a: list[str],
    b: list[str],
    start: int,
    old: list[str],
    new: list[str],
) -> tuple[str, tuple[str, ...]]:
    lines = tuple(line for what, *span in group for line in _lines(what, a[span[0] : span[1]], b[span[2] : span[3]]))
    _, i, _, k, m = next(found for found in group if found[0] != "equal")
    stanza = _stanza(new, start + k) if m > k else _stanza(old, start + i)
    return stanza, lines


def _lines(what: str, old: list[str], new: list[str]) -> Iterator[str]:
    if what == "equal":
        yield from (f" {line}" for line in old)
    else:
        yield from (f"-{line}" for line in old)
        yield from (f"+{line}" for line in new)


def _stanza(lines: list[str], number: int) -> str:
    """Return what a line stands in: each line above it that is less indented than all below, outermost first."""
    indent, found = _indent(lines[number]), []
    for line in reversed(lines[:number]):
        if indent == 0:
            break
        if _indent(line) < indent and line.strip() not in _NO_STANZA:
            indent = _indent(line)
            found.append(line.strip())
    return " > ".join(reversed(found))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

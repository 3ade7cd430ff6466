"""What changes as Markdown that fits a comment on a pull request; what does not fit is counted, and how to see it said.

Every text of a site stands in a fenced block that is longer than any fence in it, so that none is read as Markdown,
mentions anybody or ends the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trellis.diff.as_text import heading
from trellis.diff.model import Diff, Hunk
from trellis.diff.words import Line, Section, sections, summary

LONGEST = 65_536
"""Characters of a comment on GitHub; GitLab takes a million."""

MARKER = "<!-- trellis diff -->"
"""By which a pipeline finds its own comment, to write it anew."""

_LONGEST_SECTION = 12_000
"""Characters of one section: none takes the place of all others."""

_RESERVED = 200
"""Characters that are kept for what is said at the end, beside the command."""

_DIFF_MARKS = {"~": "!"}
"""What a `diff` block colours for a line that is changed."""


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece of the comment that is there as a whole or not at all.

    Attributes:
        hunks: How many differences in files it shows.
        folded: Under which folded heading it stands; None for none.
    """

    text: str
    hunks: int = 0
    folded: str | None = None


def markdown(found: dict[str, Diff], base: str, head: str, command: str, longest: int = LONGEST) -> str:
    """Return the diffs of some stacks as one comment.

    Args:
        found: By the stack's name.
        base: What is compared.
        head: What it is compared with.
        command: The command line that prints everything.
        longest: Most characters of it.
    """
    said = f"{MARKER}\n## Network change: {_code(base)} to {_code(head)}\n\n"
    blocks = [block for name, diff in sorted(found.items()) for block in _told(name, diff)]
    blocks += [block for name, diff in sorted(found.items()) for block in _files(name, diff)]
    return _fitting(said, blocks, command, longest)


def _fitting(said: str, blocks: list[_Block], command: str, longest: int) -> str:
    """Return as many blocks as there is room for; of what is folded together, all that fits in one fold."""
    parts, hunks, fold = 0, 0, None
    room = _RESERVED + len(command)
    for block in blocks:
        opening, closing = _fold(fold, block.folded)
        if len(said) + len(closing) + len(opening) + len(block.text) + room > longest:
            parts, hunks = parts + (not block.hunks), hunks + block.hunks
            continue
        said += closing + opening + block.text
        fold = block.folded
    said += _fold(fold, None)[1]
    left_out = [_many(parts, "part"), _many(hunks, "difference in files", "differences in files")]
    if parts or hunks:
        said += f"\n**Not shown: {' and '.join(filter(None, left_out))}.** All of it: {_code(command)}\n"
    return said


def _many(count: int, one: str, several: str | None = None) -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}" if count else ""


def _fold(before: str | None, now: str | None) -> tuple[str, str]:
    """Return what opens a fold, and what closes the one before it, where they differ."""
    if before == now:
        return "", ""
    return (f"<details><summary>{now}</summary>\n\n" if now else ""), ("</details>\n\n" if before else "")


def _told(name: str, found: Diff) -> Iterator[_Block]:
    if found.is_empty:
        yield _Block(f"### Stack {_code(name)}\n\nNothing changes.\n\n")
        return
    points = "".join(f"- {_words(point)}\n" for point in summary(found))
    yield _Block(f"### Stack {_code(name)}\n\n{points}\n")
    yield from map(_section, sections(found))


def _section(section: Section) -> _Block:
    room, lines, left = _LONGEST_SECTION, [], 0
    for text in map(_line, section.lines):
        room -= len(text) + 1
        if room < 0:
            left += 1
        else:
            lines.append(text)
    if left:
        lines.append(f"  and {left} more lines")
    return _Block(f"**{_words(section.title)}**\n\n{_fenced(lines)}\n")


def _line(line: Line) -> str:
    return f"{_DIFF_MARKS.get(line.mark, line.mark)} {'    ' * line.depth}{line.text}"


def _files(name: str, found: Diff) -> Iterator[_Block]:
    many = _many(len(found.hunks), "difference")
    title = f"Files of stack <code>{name}</code> as they will be on hosts and edges: {many}"
    for hunk in found.hunks:
        yield _Block(_fenced(_shown(hunk)) + "\n", hunks=1, folded=title)


def _shown(hunk: Hunk) -> list[str]:
    return [f"@@ {heading(hunk)} @@", *hunk.lines]


def _fenced(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{text}\n{fence}\n"


def _code(text: str) -> str:
    """Return a text as code, whatever it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def _words(text: str) -> str:
    """Return our own words without what Markdown would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)

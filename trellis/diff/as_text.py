"""What changes as text for a terminal; who prints it gives each mark its colour."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.diff.model import Diff, Hunk
from trellis.diff.words import Line, Mark, listed, sections, summary


def text_lines(found: Diff, title: str) -> Iterator[Line]:
    """Yield the lines of a diff as they are printed, each with the mark that says what it is about.

    Args:
        found: What differs.
        title: What is compared.
    """
    yield Line(" ", title)
    if found.is_empty:
        yield Line(" ", "nothing changes")
        return
    yield Line(" ", "; ".join(summary(found)))
    for section in sections(found):
        yield Line(" ", "")
        yield Line(" ", section.title)
        yield from (
            Line(line.mark, f"  {'    ' * line.depth}{line.mark} {line.text}".rstrip()) for line in section.lines
        )
    for hunk in found.hunks:
        yield Line(" ", "")
        yield Line(" ", heading(hunk))
        yield from (Line(_mark(line), line) for line in hunk.lines)


def text(found: Diff, title: str) -> str:
    """Return the lines as one text, each ended."""
    return "".join(f"{line.text}\n" for line in text_lines(found, title))


def heading(hunk: Hunk) -> str:
    """Return whose file it is, and where in it."""
    return f"{listed(hunk.owners)}: {hunk.path}{f' @@ {hunk.stanza}' if hunk.stanza else ''}"


def _mark(line: str) -> Mark:
    return "+" if line.startswith("+") else "-" if line.startswith("-") else " "

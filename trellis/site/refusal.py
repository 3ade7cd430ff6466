"""How a site is refused: path, value, rule, why it matters, what to do.

Every check of the project, from a misspelt key to two numbers that collide, speaks through ``Refusal``.  All
refusals of one run are collected and raised once, as ``SiteRefused``; nothing has been sent anywhere by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """One reason why a site is not accepted.

    Attributes:
        path: Where in the site, in dots: ``clusters.sol.nodes.solcp01.suffix``.
        value: What stands there, as text.
        rule: What must hold.
        why: What would go wrong otherwise.
        remedy: What to do about it.

    What does not print is escaped in all of them, and what is too long is cut: a key or a value may hold terminal
    controls or bidi marks, or a whole file.
    """

    path: str
    value: str
    rule: str
    why: str
    remedy: str

    def __post_init__(self) -> None:
        """Escape what does not print, and cut what nobody would read."""
        for field in fields(self):
            text = getattr(self, field.name)
            if not (text.isascii() and text.isprintable()):
                text = _printable(text)
            object.__setattr__(self, field.name, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")

    def __str__(self) -> str:
        """Return the refusal as the indented block that people read."""
        return f"{self.path}: {self.value}\n  rule:   {self.rule}\n  why:    {self.why}\n  remedy: {self.remedy}"


_LONGEST = 1000
"""Characters of a part of a refusal; the longest that says something is a list of the names of 128 hosts."""


def _printable(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class SiteRefused(Exception):
    """A site that is not accepted, with every reason at once."""

    what_of_it = "the site is refused for"
    """The beginning of its heading."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(sorted(set(refusals)))
        count = len(self.refusals)
        heading = f"{self.what_of_it} {count} reason{'s' if count != 1 else ''}; nothing was changed"
        super().__init__("\n".join([heading, *map(str, self.refusals)]))


def raise_if_any(refusals: Iterable[Refusal]) -> None:
    """Raise ``SiteRefused`` with all of ``refusals``, unless there are none.

    Args:
        refusals: What the checks found.

    Raises:
        SiteRefused: If there is at least one.
    """
    found = tuple(refusals)
    if found:
        raise SiteRefused(found)

"""What a rule finds in a plan: a place of the site, what stands there, what it may be, and what would mend it.

Which rule it is, and whether an exception lets it pass, is added in ``trellis.policy.judge``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A value that a rule does not allow.

    Attributes:
        place: Where in the site, in dots.
        value: What stands there, with its unit.
        limit: What it may be, with its unit.
        remedy: What to do about it.
    """

    place: str
    value: str
    limit: str
    remedy: str


def below(place: str, value: int | None, least: int | None, unit: str = "") -> Iterator[Found]:
    """Yield a value that is smaller than it may be; nothing where either of the two is not said.

    Args:
        place: Where it stands.
        value: What stands there.
        least: The smallest that it may be.
        unit: Its unit.
    """
    if value is not None and least is not None and value < least:
        yield Found(place, _with(value, unit), f"at least {_with(least, unit)}", f"set {place} to {least} or more")


def above(place: str, value: int, most: int, unit: str = "") -> Iterator[Found]:
    """Yield a value that is larger than it may be.

    Args:
        place: Where it stands.
        value: What stands there.
        most: The largest that it may be.
        unit: Its unit.
    """
    if value > most:
        yield Found(place, _with(value, unit), f"at most {_with(most, unit)}", f"set {place} to {most} or less")


def _with(value: int, unit: str) -> str:
    said = unit if value != 1 or unit in ("s", "ms") else unit.removesuffix("s")
    return f"{value} {said}".rstrip()

"""Sets of ASNs, exactly: which may stand in a path that an AS-path list lets through.

The lists that a plan holds (``trellis.plan.as_paths``) decide on each ASN of a path by itself: some are denied, and of
the rest all are permitted, or those of some ranges.  A list of another form is not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from trellis.diff.prefix_sets import Interval, joined, without
from trellis.plan.filter_model import AsPathList

AsnSet = tuple[Interval, ...]
"""Disjoint ranges, ascending, both ends inclusive."""

ALL_ASNS: AsnSet = ((0, 2**32 - 1),)

_DENIED = re.compile(r"_(\d+)_")
_ONLY = re.compile(r"\^\((?P<one>[^()]+)\)\(_\((?P=one)\)\)\*\$")
_BLOCK = re.compile(r"(?P<head>\d*)(?:\[(?P<first>\d)-(?P<last>\d)\])?(?P<free>(?:\[0-9\])*)")


class UnknownPathsError(Exception):
    """An AS-path list of which it is not known what it means as a set of ASNs."""


@cache
def permitted_asns(paths: AsPathList | None) -> AsnSet:
    """Return the ASNs of which any path may be made that a list permits.

    Args:
        paths: The list; None permits every path.

    Raises:
        UnknownPathsError: If it is not of the form that plans have.
    """
    if paths is None:
        return ALL_ASNS
    denied: list[Interval] = []
    for _, action, expression in sorted(paths.entries):
        known = _DENIED.fullmatch(expression)
        if action == "deny" and known is not None:
            denied.append((int(known[1]), int(known[1])))
        elif action == "permit":
            return without(_permitted(paths.name, expression), joined(denied))
        else:
            raise UnknownPathsError(f"{paths.name}: {action} {expression}")
    return ()


def as_text(asns: AsnSet) -> tuple[str, ...]:
    """Return ranges of ASNs as people write them: ``65200-65299``, or one alone."""
    return tuple(str(first) if first == last else f"{first}-{last}" for first, last in asns)


def _permitted(name: str, expression: str) -> AsnSet:
    if expression == ".*":
        return ALL_ASNS
    only = _ONLY.fullmatch(expression)
    if only is None:
        raise UnknownPathsError(f"{name}: permit {expression}")
    return joined(_ranges(name, only["one"]))


def _ranges(name: str, alternatives: str) -> Iterator[Interval]:
    """Yield what each block stands for, which is one of ``trellis.plan.as_paths.between``."""
    for text in alternatives.split("|"):
        block = _BLOCK.fullmatch(text)
        if block is None or not text:
            raise UnknownPathsError(f"{name}: {text}")
        size = 10 ** (len(block["free"]) // len("[0-9]"))
        first, last = f"{block['head']}{block['first'] or ''}", f"{block['head']}{block['last'] or ''}"
        yield int(first) * size, (int(last) + 1) * size - 1

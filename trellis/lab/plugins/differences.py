"""The detailed difference of two sets of properties, property path by property path.

The engine shows a change by these paths: with one for `stdin`, `preview --diff` prints the old and the new
text as a line diff.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["add", "delete", "update"]

_MISSING = object()
_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs.

    Args:
        path: The property path as the engine writes it, for example "connection.host" or "triggers[0]".
        kind: Whether it appears, goes or changes.
        replaces: Whether this change replaces the resource.
    """

    path: str
    kind: Kind
    replaces: bool


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], replacing: Collection[str] = ()
) -> tuple[Difference, ...]:
    """All properties that differ, in the order of their names.

    Args:
        old: The inputs of the last deployment.
        new: The inputs of this one.
        replacing: Top-level properties of which any change replaces the resource.

    Returns:
        The differences; empty if there are none.
    """
    found: list[Difference] = []
    for name in sorted({*old, *new}):
        for path, kind in _walk(_step("", name), old.get(name, _MISSING), new.get(name, _MISSING)):
            found.append(Difference(path, kind, name in replacing))
    return tuple(found)


def _walk(path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind]]:
    """The paths at and below one property that differ; None counts as not there."""
    old_missing, new_missing = old is _MISSING or old is None, new is _MISSING or new is None
    if old_missing and new_missing:
        return
    if old_missing:
        yield path, "add"
    elif new_missing:
        yield path, "delete"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _walk(_step(path, name), old.get(name, _MISSING), new.get(name, _MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            yield from _walk(f"{path}[{index}]", before, after)
    elif old != new:
        yield path, "update"


def _step(path: str, name: str) -> str:
    """A path one name deeper; a name that is no identifier is quoted."""
    if not _PLAIN_NAME.fullmatch(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{escaped}"]'
    return f"{path}.{name}" if path else name

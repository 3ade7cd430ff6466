"""The shape of a document that the agent is given: objects with known fields, each of its type."""

from __future__ import annotations

import re

Types = dict[str, type | tuple[type, ...]]
"""Field -> what it must be; None is named as `type(None)`."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, everything that some reader takes for the end of a line, and what UTF-8 cannot hold."""


def field_problems(where: str, value: object, fields: Types, optional: Types | None = None) -> list[str]:
    """Fields that an object lacks, has of the wrong type, or should not have."""
    known = {**fields, **(optional or {})}
    if not isinstance(value, dict):
        return [f"{where}: not an object"]
    dot = f"{where}." if where else ""
    missing = [f"{dot}{name}: missing" for name in fields if name not in value]
    strange = [f"{dot}{name}: unknown" for name in value if name not in known]
    wrong = [
        f"{dot}{name}: {found!r} is of the wrong type"
        for name, found in value.items()
        if name in known and (not isinstance(found, known[name]) or isinstance(found, bool))
    ]
    return missing + strange + wrong


def text_problems(where: str, value: object) -> list[str]:
    """Entries of a list that are no text, or hold what could read as two lines."""
    if not isinstance(value, list):
        return [f"{where}: not a list"]
    return [
        f"{where}: {entry!r} is no text of one line"
        for entry in value
        if not isinstance(entry, str) or UNPRINTABLE.search(entry)
    ]

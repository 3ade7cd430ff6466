"""From the text of a YAML file to its raw value, or why it cannot be read.

What the value means is judged elsewhere: of a stack file in ``trellis.site.stack``, of a prefix file in
``trellis.site.delegated``.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Any

import yaml

from trellis.site.foreign import hidden
from trellis.site.refusal import Refusal, SiteRefused


def document_of(text: str | bytes, file: str) -> Any:
    """Return the value that a YAML text holds, its shape not yet judged.

    Args:
        text: The text of the file.
        file: What messages call it, as ``the stack file``.

    Raises:
        SiteRefused: If it is no YAML, or names a key twice.
    """
    decoded = _decoded(text, file)
    try:
        return yaml.load(decoded, Loader=_UniqueKeyLoader)  # noqa: S506 (a safe loader underneath)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SiteRefused([_unreadable(error, file)]) from None


def shown(value: Any) -> str:
    """Return a value on one line, in ASCII and without its secrets, so that a terminal and a log may have it."""
    text = json.dumps(hidden(value), default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _decoded(text: str | bytes, file: str) -> str:
    mark = "\ufeff"
    try:
        decoded = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        first = "0x" + error.object[error.start : error.start + 2].hex()
        raise SiteRefused([_not_utf8(f"byte {error.start}", first, f"{file} is UTF-8")]) from None
    if decoded.startswith(mark):
        rule = f"{file} begins with its text, not with a byte order mark"
        raise SiteRefused([_not_utf8("line 1", mark, rule)])
    return decoded


def _not_utf8(where: str, value: str, rule: str) -> Refusal:
    why = "FRR refuses a configuration with such bytes, and other tools read another text than is seen"
    return Refusal(where, value, rule, why, "save the file as UTF-8 without a byte order mark")


DEEPEST = 25
"""Levels of nesting of a file: a site's own, which ``trellis.site.load`` judges, and those around it."""

MOST_VALUES = 1_000_000
"""Values in a file, each as often as an alias names it; 128 hosts with 16 tenants have fewer than 10^5."""


def endless(whole: Any, judged_elsewhere: Any, file: str) -> Iterator[Refusal]:
    """Refuse a file in which aliases hold themselves or multiply: nobody could read it to its end.

    Args:
        whole: What it holds.
        judged_elsewhere: A part that was taken out of it, whose depth others judge.
        file: What messages call it.
    """
    depths, others = (list(islice(_depths(part), MOST_VALUES + 1)) for part in (whole, judged_elsewhere))
    if max(depths) > DEEPEST or max(len(depths), len(others)) > MOST_VALUES:
        rule = f"{_a(file)} has at most {MOST_VALUES} values and {DEEPEST} levels of nesting"
        why = "aliases that hold themselves or multiply never end"
        yield Refusal(file, "...", rule, why, "write out what the aliases stand for, or remove them")


def _a(file: str) -> str:
    return f"a {file.removeprefix('the ')}"


def _depths(value: Any) -> Iterator[int]:
    """Yield the depth of ``value`` and of each value in it, down to the first that is too deep."""
    ahead = [(value, 0)]
    while ahead:
        found, depth = ahead.pop()
        yield depth
        if depth <= DEEPEST:
            below = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
            ahead += [(value, depth + 1) for value in below]


class _KeyTwice(yaml.constructor.ConstructorError):
    """A mapping names a key twice."""


def _unreadable(error: Exception, file: str) -> Refusal:
    place = getattr(error, "problem_mark", None)
    where = f"line {place.line + 1}" if place else file
    said = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    if isinstance(error, _KeyTwice):
        rule, why = "each key stands once", "of two equal keys the first would be lost without a word"
        return Refusal(where, said, rule, why, "remove or rename one of the two")
    return Refusal(
        where, said, f"{file} is YAML", "nothing in it can be read before that", "correct the file at that place"
    )


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, in C where there is one, that refuses a mapping with a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # the loader itself refuses it below
            if key in seen:
                raise _KeyTwice(None, None, f"the key {key!r} stands here for the second time", key_node.start_mark)
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

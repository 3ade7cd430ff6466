"""Whether data has the shape of a noun: what JSON can hold, then types, keys and ranges, in the project's own words.

Rules between nouns stand in ``trellis.site.checks``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trellis.site import foreign
from trellis.site.document import shown
from trellis.site.noun import Noun
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any
from trellis.site.remaining import Location, Misfit

# pydantic's error type -> (rule, why, remedy); {..} is filled from the error's own context.
_SHAPES: dict[str, tuple[str, str, str]] = {
    "missing": ("this key is required", "there is no default that fits every site", "add the key"),
    "int_type": ("this is a whole number", "text, fractions and booleans are not numbers", "write digits"),
    "bool_type": (
        "this is true or false",
        "other words are read differently by each tool",
        "write true or false",
    ),
    "string_type": ("this is text", "a bare number loses leading zeros and its family", "put it in quotes"),
    "literal_error": ("this is one of {expected}", "nothing else is known to work", "choose one of them"),
    "greater_than_equal": (
        "this is at least {ge}",
        "less is refused by FRR or Proxmox, or means nothing",
        "choose a larger number",
    ),
    "less_than_equal": (
        "this is at most {le}",
        "more is refused by FRR or Proxmox, or does not fit",
        "choose a smaller number",
    ),
    "too_short": ("there is at least {min_length} entry", "an empty site grows nothing", "add an entry"),
    "model_type": (
        "this is a mapping of keys",
        "a single value has no keys",
        "write 'key: value' lines below it",
    ),
    "dict_type": (
        "this is a mapping by name",
        "entries are told apart by name",
        "write 'name: ...' lines below it",
    ),
    "tuple_type": ("this is a list", "a single value is not a list", "write '- value' lines or [value]"),
}
_OTHER = (
    "the value has the shape that the schema gives",
    "it cannot be read otherwise",
    "see `trellis schema`",
)


_DEEPEST = 20
"""Levels of nesting that a site can have, with room: its schema has nine."""


def not_json(value: Any, root: str, path: Location = ()) -> Iterator[Misfit]:
    """Yield a refusal for each value that YAML knows and JSON does not: dates, bytes, sets, endless things.

    Args:
        value: What a file holds.
        root: What messages call the whole of it.
        path: Where in it ``value`` stands.
    """
    if len(path) > _DEEPEST:
        rule = f"nesting ends after {_DEEPEST} levels"
        place = f"{'.'.join(path[:3])}..."
        yield Misfit((), Refusal(place, "...", rule, _TRAVELS, "remove the alias that holds itself"))
    elif isinstance(value, Mapping):
        for key, below in value.items():
            if isinstance(key, str):
                yield from not_json(below, root, (*path, key))
            else:
                yield Misfit(path, _no_text_key(".".join(path) or root, key))
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from not_json(below, root, (*path, str(position)))
    elif (refusal := _no_json_value(".".join(path), value)) is not None:
        yield Misfit(path, refusal)


_TRAVELS = "the site travels as JSON, to Pulumi and in its outputs"


def _no_text_key(path: str, key: Any) -> Refusal:
    why = "YAML reads on, no, null, 123 or 1e3 without quotes as something else, and the name is lost"
    return Refusal(path, f"the key {key!r}", "a key is text", why, "put the key in quotes")


def _no_json_value(path: str, value: Any) -> Refusal | None:
    if isinstance(value, str):
        lone = "leave out the lone surrogate"
        return None if _is_unicode(value) else Refusal(path, repr(value), "text is Unicode", _TRAVELS, lone)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        said = "a number of more than 64 bits"
        return Refusal(path, said, "numbers fit in 64 bits", _TRAVELS, "correct the number")
    if value is not None and not isinstance(value, bool | int | float):
        said = f"{value} (of type {type(value).__name__})"
        return Refusal(path, said, "this is text, a number, true or false", _TRAVELS, "put it in quotes")
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def misshapen(error: ValidationError, root: str) -> Iterator[Misfit]:
    """Yield a refusal for each value whose shape is not the schema's.

    Args:
        error: What pydantic found.
        root: What messages call the whole.
    """
    for detail in error.errors(include_url=False):
        location = tuple(str(part) for part in detail["loc"] if part != "[key]")
        refusal = _refusal(".".join(location) or root, detail)
        yield Misfit(location, refusal, alone=detail["type"] == "extra_forbidden")


def _refusal(path: str, detail: ErrorDetails) -> Refusal:
    context: dict[str, Any] = dict(detail.get("ctx") or {})
    secret = any(foreign.holds_secret(str(part)) for part in detail["loc"][-1:])
    value = "nothing" if detail["type"] == "missing" else foreign.HIDDEN if secret else shown(detail["input"])
    if detail["type"] == "refusal":
        return Refusal(path, value, context["rule"], context["why"], context["remedy"])
    if detail["type"] == "extra_forbidden":
        return Refusal(path, value, *foreign.answer(*map(str, reversed(detail["loc"][-2:]))))
    rule, why, remedy = _SHAPES.get(detail["type"], _OTHER)
    return Refusal(path, value, rule.format_map(_Blank(context)), why, remedy)


NounT = TypeVar("NounT", bound=Noun)


def shaped(kind: type[NounT], data: Mapping[str, Any], root: str) -> NounT:
    """Return data as a noun.

    Args:
        kind: The noun.
        data: What a file holds.
        root: What messages call the whole of it.

    Raises:
        SiteRefused: With every reason at once.
    """
    refusals = {misfit.refusal.path: misfit.refusal for misfit in not_json(data, root)}
    try:
        noun = kind.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        # What is no JSON has no shape either, and is told of once.
        refusals = {misfit.refusal.path: misfit.refusal for misfit in misshapen(error, root)} | refusals
        raise SiteRefused(refusals.values()) from None
    raise_if_any(refusals.values())
    return noun


class _Blank(dict[str, Any]):
    """A mapping that leaves unknown fields of a message as they are."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"

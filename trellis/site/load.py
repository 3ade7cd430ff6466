"""From what a person wrote to a ``Site``: parsing, shape, and every refusal in the project's own words.

Shape comes first (types, keys, ranges: pydantic), then the rules between nouns (``trellis.site.checks``); the
second gate is only reached through the first, because half a site cannot be judged.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trellis.site.checks import check
from trellis.site.model import Site
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any

CONFIG_KEY = "trellis:site"


# pydantic's error type -> (rule, why, remedy); {..} is filled from the error's own context.
_SHAPES: dict[str, tuple[str, str, str]] = {
    "extra_forbidden": (
        "every key is one that the schema knows",
        "a misspelt key would be ignored, and its default used instead",
        "correct or remove the key; `trellis schema` lists all",
    ),
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


def load_site(data: Mapping[str, Any]) -> Site:
    """Return the site that ``data`` describes.

    Args:
        data: The object under ``trellis:site``, as JSON types.

    Raises:
        SiteRefused: With every reason at once.
    """
    raise_if_any(_not_json(data, ()))
    try:
        site = Site.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise SiteRefused(_refusal(detail) for detail in error.errors(include_url=False)) from None
    raise_if_any(check(site))
    return site


def site_of_stack(text: str) -> Site:
    """Return the site in the text of a ``Pulumi.<stack>.yaml``.

    Args:
        text: The stack file.

    Raises:
        SiteRefused: If the file is no YAML, holds no site, or the site is refused.
    """
    return load_site(site_data_of_stack(text))


def site_data_of_stack(text: str) -> dict[str, Any]:
    """Return the raw object under ``trellis:site`` in the text of a stack file, its shape not yet judged.

    Args:
        text: The stack file.

    Raises:
        SiteRefused: If the file is no YAML, names a key twice, or holds no site.
    """
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 (a safe loader underneath)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SiteRefused([_unreadable(error)]) from None
    config = document.get("config") if isinstance(document, dict) else None
    data = config.get(CONFIG_KEY) if isinstance(config, dict) else None
    if not isinstance(data, dict):
        raise SiteRefused(
            [
                Refusal(
                    f"config.{CONFIG_KEY}",
                    "nothing" if data is None else _shown(data),
                    "the stack's configuration holds the site as an object",
                    "the site is the only source of everything else",
                    "add it; `trellis schema` prints what it may hold, Pulumi.dev.yaml is an example",
                )
            ]
        )
    return data


class _KeyTwice(yaml.constructor.ConstructorError):
    """A mapping names a key twice."""


def _unreadable(error: Exception) -> Refusal:
    place = getattr(error, "problem_mark", None)
    where = f"line {place.line + 1}" if place else "the stack file"
    said = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    if isinstance(error, _KeyTwice):
        rule, why = "each key stands once", "of two equal keys the first would be lost without a word"
        return Refusal(where, said, rule, why, "remove or rename one of the two")
    return Refusal(
        where, said, "the stack file is YAML", "nothing in it can be read before that", "correct the file at that place"
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


_DEEPEST = 20
"""Levels of nesting that a site can have, with room: its schema has nine."""


def _not_json(value: Any, path: tuple[str, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each value that YAML knows and JSON does not: dates, bytes, sets, endless things."""
    why = "the site travels as JSON, to Pulumi and in its outputs"
    where = ".".join(path) or CONFIG_KEY
    if len(path) > _DEEPEST:
        rule = f"nesting ends after {_DEEPEST} levels"
        yield Refusal(f"{'.'.join(path[:3])}...", "...", rule, why, "remove the alias that holds itself")
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _not_json(below, (*path, str(key)))
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from _not_json(below, (*path, str(position)))
    elif isinstance(value, str):
        if not _is_unicode(value):
            yield Refusal(where, repr(value), "text is Unicode", why, "leave out the lone surrogate")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Refusal(where, "a number of more than 64 bits", "numbers fit in 64 bits", why, "correct the number")
    elif value is not None and not isinstance(value, bool | int | float):
        shown = f"{value} (of type {type(value).__name__})"
        yield Refusal(where, shown, "this is text, a number, true or false", why, "put it in quotes")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refusal(detail: ErrorDetails) -> Refusal:
    context: dict[str, Any] = dict(detail.get("ctx") or {})
    if detail["type"] == "refusal":
        rule, why, remedy = context["rule"], context["why"], context["remedy"]
    else:
        rule, why, remedy = _SHAPES.get(detail["type"], _OTHER)
        rule = rule.format_map(_Blank(context))
    value = "nothing" if detail["type"] == "missing" else _shown(detail["input"])
    return Refusal(".".join(_path(detail["loc"])) or CONFIG_KEY, value, rule, why, remedy)


class _Blank(dict[str, Any]):
    """A mapping that leaves unknown fields of a message as they are."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _path(location: tuple[int | str, ...]) -> Iterator[str]:
    for part in location:
        if part != "[key]":
            yield str(part)


def _shown(value: Any) -> str:
    """Return the value on one line, in ASCII, so that no control character reaches a terminal."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."

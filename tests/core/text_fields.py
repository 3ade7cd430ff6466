"""Where a site holds text: found by walking the JSON Schema, so that a field that is new is among them by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.core.generated import Data
from trellis.site import Site

Schema = dict[str, Any]

Path = tuple[str | int, ...]
"""Keys and positions from the root of a site."""

NAMES = "(name)"
"""Last part of the pattern of a mapping's keys."""

UNKNOWN = "(unknown)"
"""Last part of the pattern of a key that a noun does not have."""


@dataclass(frozen=True, slots=True)
class Place:
    """A text that stands in a site.

    Attributes:
        field: Pattern of the field, as in ``hosts.*.ssh.user`` or, of a key, ``hosts.(name)``.
        path: Keys and positions down to it; of a key, the last one is the key itself.
        choices: The values that the schema lists, where it does.
    """

    field: str
    path: Path
    choices: tuple[str, ...]

    @property
    def is_name(self) -> bool:
        """Whether this is a key."""
        return self.field.endswith(NAMES)

    @property
    def is_unknown(self) -> bool:
        """Whether this is a key that is not there, and that no noun has."""
        return self.field.endswith(UNKNOWN)

    def text(self, site: Any) -> str:
        """Return what stands here in a site; the site is one that has the place."""
        if self.is_name or self.is_unknown:
            return str(self.path[-1])
        found = at(site, self.path)
        assert isinstance(found, str), self
        return found


_ROOT: Schema = Site.model_json_schema()


def text_fields() -> frozenset[str]:
    """Return the patterns of all fields that hold text."""
    return frozenset(_fields(_ROOT, ""))


def list_fields() -> frozenset[str]:
    """Return the patterns of all fields that are lists."""
    return frozenset(_fields(_ROOT, "", wanted="array"))


def places(site: Data) -> tuple[Place, ...]:
    """Return every place of ``site`` that holds text."""
    return tuple(_places(_ROOT, site, "", ()))


def _shapes(schema: Schema) -> list[Schema]:
    """Return what a value may look like: the schema itself, or each of its alternatives."""
    if "$ref" in schema:
        return _shapes(_ROOT["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    return [shape for alternative in alternatives for shape in _shapes(alternative)] if alternatives else [schema]


def _fields(schema: Schema, field: str, wanted: str = "string") -> Iterator[str]:
    for shape in _shapes(schema):
        if shape.get("type") == wanted:
            yield field
        for key, below in shape.get("properties", {}).items():
            yield from _fields(below, _below(field, key), wanted)
        if isinstance(shape.get("additionalProperties"), dict):
            if wanted == "string":
                yield _below(field, NAMES)
            yield from _fields(shape["additionalProperties"], _below(field, "*"), wanted)
        if "items" in shape:
            yield from _fields(shape["items"], _below(field, "*"), wanted)


def _places(schema: Schema, value: Any, field: str, path: Path) -> Iterator[Place]:
    for shape in _shapes(schema):
        if isinstance(value, str) and shape.get("type") == "string":
            yield Place(field, path, tuple(shape.get("enum", ())))
        elif isinstance(value, dict) and "properties" in shape:
            yield Place(_below(field, UNKNOWN), (*path, UNKNOWN), ())
            for key in (key for key in value if key in shape["properties"]):
                yield from _places(shape["properties"][key], value[key], _below(field, key), (*path, key))
        elif isinstance(value, dict) and isinstance(shape.get("additionalProperties"), dict):
            for key, below in value.items():
                yield Place(_below(field, NAMES), (*path, key), ())
                yield from _places(shape["additionalProperties"], below, _below(field, "*"), (*path, key))
        elif isinstance(value, list) and "items" in shape:
            for position, below in enumerate(value):
                yield from _places(shape["items"], below, _below(field, "*"), (*path, position))


def _below(field: str, part: str) -> str:
    return f"{field}.{part}" if field else part


def names_of(site: Data) -> frozenset[str]:
    """Return every key of ``site`` that is the name of an entry."""
    return frozenset(place.text(site) for place in places(site) if place.is_name)


def with_text(site: Any, place: Place, text: str, names: frozenset[str]) -> Any:
    """Return ``site`` with another text at a place; a name is changed wherever it is named, an unknown key added.

    Args:
        site: The whole site.
        place: One of its places.
        text: What shall stand there.
        names: The names of the site's entries (``names_of``).
    """
    before = place.text(site)
    if before in names:
        return renamed(site, before, text)
    *above, last = place.path
    if last == UNKNOWN:
        return put_in(site, tuple(above), {**at(site, tuple(above)), text: "x"})
    return put_in(site, place.path, text)


def renamed(value: Any, before: str, after: str) -> Any:
    """Return a copy of ``value`` in which every key and every text that is ``before`` is ``after``."""
    if isinstance(value, dict):
        return {after if key == before else key: renamed(below, before, after) for key, below in value.items()}
    if isinstance(value, list):
        return [renamed(below, before, after) for below in value]
    return after if isinstance(value, str) and value == before else value


def containers(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of each mapping and list in ``value``, itself first."""
    if isinstance(value, dict | list):
        yield path, value
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(below, (*path, key))


def at(value: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for part in path:
        value = value[part]
    return value


def put_in(value: Any, path: Path, wanted: Any) -> Any:
    """Return a copy of ``value`` with ``wanted`` at a path, the last part of which may be new in a mapping."""
    if not path:
        return wanted
    key, *below = path
    if isinstance(value, list):
        return [put_in(found, tuple(below), wanted) if n == key else found for n, found in enumerate(value)]
    return {**value, key: put_in(value.get(key), tuple(below), wanted)}

"""What the nouns of a site say about their own fields: the text below each field, as it stands in the source.

Pydantic could keep these texts itself (``use_attribute_docstrings``), but it would read the source of every noun each
time that the program starts.  Here they are read when somebody asks for the schema or the reference, and only then.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from trellis.site import (
    access,
    advertising,
    delegated,
    kubernetes,
    model,
    peering,
    ranges,
    rest_api,
    routeros,
    scalars,
)
from trellis.site.noun import Noun

_MODULES = (scalars, access, ranges, advertising, delegated, kubernetes, peering, rest_api, routeros, model)


@cache
def field_texts() -> dict[str, dict[str, str]]:
    """Return what each noun says of each of its own fields, by the noun's name and the field's, on one line each.

    What a noun has from the one that it is derived of is told there.
    """
    found: dict[str, dict[str, str]] = {}
    for module in _MODULES:
        for statement in _statements(module):
            if isinstance(statement, ast.ClassDef):
                found[statement.name] = dict(_told(statement.body))
    return found


def scalar_texts() -> dict[str, str]:
    """Return what is said of each scalar, by its name: the text below it, on one line."""
    return {name: text for module in _MODULES for name, text in _told(_statements(module)) if name[0].isupper()}


def texts_of(noun: type[Noun]) -> dict[str, str]:
    """Return what is said of each field that a noun has, its own and those that it inherits.

    Args:
        noun: One of a site's nouns.
    """
    texts = field_texts()
    return {name: text for base in reversed(noun.__mro__) for name, text in texts.get(base.__name__, {}).items()}


@cache
def types_of(noun: type[Noun]) -> dict[str, Any]:
    """Return the type of each field of a noun as it is written, with its bounds, in the order of the source.

    Args:
        noun: One of a site's nouns.
    """
    hints = get_type_hints(noun, include_extras=True)
    return {name: hints[name] for name in noun.model_fields}


def scalar_name(kind: Any) -> str | None:
    """Return the name of a scalar's type; None for a type that has none.

    Args:
        kind: A type as ``types_of`` gives it.
    """
    if get_origin(kind) is not Annotated:
        return None
    names = (name for module in _MODULES for name, value in vars(module).items() if value is kind or value == kind)
    return next((name for name in names if not name.startswith("_")), None)


def nouns_below(root: type[Noun]) -> Iterator[type[Noun]]:
    """Yield a noun and all that stand in it, each once, in the order in which a reader meets them.

    Args:
        root: The noun that holds the others.
    """
    seen: set[type[Noun]] = set()

    def walk(noun: type[Noun]) -> Iterator[type[Noun]]:
        if noun in seen:
            return
        seen.add(noun)
        yield noun
        for kind in types_of(noun).values():
            for below in nouns_in(kind):
                yield from walk(below)

    yield from walk(root)


def nouns_in(kind: Any) -> Iterator[type[Noun]]:
    """Yield the nouns that a type speaks of.

    Args:
        kind: A type as ``types_of`` gives it.
    """
    if isinstance(kind, type) and issubclass(kind, Noun):
        yield kind
    for part in get_args(kind):
        yield from nouns_in(part)


def _statements(module: ModuleType) -> Sequence[ast.stmt]:
    return ast.parse(inspect.getsource(module)).body


def _told(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, after in pairwise(statements):
        if isinstance(statement, ast.AnnAssign):
            name: ast.expr = statement.target
        elif isinstance(statement, ast.Assign):
            name = statement.targets[0]
        else:
            continue
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if isinstance(name, ast.Name) and isinstance(text, str):
            yield name.id, " ".join(inspect.cleandoc(text).split())

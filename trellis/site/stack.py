"""From the text of a ``Pulumi.<stack>.yaml`` to the raw object of its site, or why the file cannot be read.

What the object means is judged in ``trellis.site.load``.  Secrets beside the site are looked at only to see that
they are encrypted: a stack file is committed.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from itertools import islice
from typing import Any

import yaml

from trellis.site.foreign import HIDDEN, hidden, holds_secret
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any

CONFIG_KEY = "trellis:site"
SECRETS_KEY = "trellis:secrets"
"""Name -> value of the secrets that the site names, each encrypted by Pulumi."""


def site_data_of_stack(text: str | bytes) -> dict[str, Any]:
    """Return the raw object under ``trellis:site`` in the text of a stack file, its shape not yet judged.

    Args:
        text: The stack file.

    Raises:
        SiteRefused: If the file is no YAML, names a key twice, holds a secret in the clear, or holds no site.
    """
    decoded = _decoded(text)
    try:
        document = yaml.load(decoded, Loader=_UniqueKeyLoader)  # noqa: S506 (a safe loader underneath)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SiteRefused([_unreadable(error)]) from None
    raise_if_any(_endless(document))
    config = document.get("config") if isinstance(document, dict) else None
    raise_if_any(_secrets_in_the_clear(config))
    data = config.get(CONFIG_KEY) if isinstance(config, dict) else None
    if isinstance(data, dict) and data.keys() == {"secure"}:
        rule, why = "the site stands in the clear", "it holds no secret, and nobody could review what is encrypted"
        remedy = "write it as a plain object; Pulumi.dev.yaml is an example"
        raise SiteRefused([Refusal(f"config.{CONFIG_KEY}", "secure: ...", rule, why, remedy)])
    if not isinstance(data, dict):
        raise SiteRefused(
            [
                Refusal(
                    f"config.{CONFIG_KEY}",
                    "nothing" if data is None else shown(data),
                    "the stack's configuration holds the site as an object",
                    "the site is the only source of everything else",
                    "add it; `trellis schema` prints what it may hold, Pulumi.dev.yaml is an example",
                )
            ]
        )
    return data


def shown(value: Any) -> str:
    """Return a value on one line, in ASCII and without its secrets, so that a terminal and a log may have it."""
    text = json.dumps(hidden(value), default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _decoded(text: str | bytes) -> str:
    mark = "\ufeff"
    try:
        decoded = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        first = "0x" + error.object[error.start : error.start + 2].hex()
        raise SiteRefused([_not_utf8(f"byte {error.start}", first, "the stack file is UTF-8")]) from None
    if decoded.startswith(mark):
        rule = "the stack file begins with its text, not with a byte order mark"
        raise SiteRefused([_not_utf8("line 1", mark, rule)])
    return decoded


def _not_utf8(where: str, value: str, rule: str) -> Refusal:
    why = "FRR refuses a configuration with such bytes, and other tools read another text than is seen"
    return Refusal(where, value, rule, why, "save the file as UTF-8 without a byte order mark")


_DEEPEST = 25
"""Levels of nesting of a stack file: a site's own, which ``trellis.site.load`` judges, and those around it."""

_MOST_VALUES = 1_000_000
"""Values in a stack file, each as often as an alias names it; 128 hosts with 16 tenants have fewer than 10^5."""


def _endless(document: Any) -> Iterator[Refusal]:
    """Refuse a file in which aliases hold themselves or multiply: nobody could read it to its end."""
    rest, config = document, document.get("config") if isinstance(document, dict) else None
    site = config.get(CONFIG_KEY) if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(site, dict):  # how deep it may be is judged with the site
        rest = {**document, "config": {key: value for key, value in config.items() if key != CONFIG_KEY}}
    depths, of_site = (list(islice(_depths(part), _MOST_VALUES + 1)) for part in (rest, site))
    if max(depths) > _DEEPEST or max(len(depths), len(of_site)) > _MOST_VALUES:
        rule = f"a stack file has at most {_MOST_VALUES} values and {_DEEPEST} levels of nesting"
        why = "aliases that hold themselves or multiply never end"
        yield Refusal("the stack file", "...", rule, why, "write out what the aliases stand for, or remove them")


def _depths(value: Any) -> Iterator[int]:
    """Yield the depth of ``value`` and of each value in it, down to the first that is too deep."""
    ahead = [(value, 0)]
    while ahead:
        found, depth = ahead.pop()
        yield depth
        if depth <= _DEEPEST:
            below = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
            ahead += [(value, depth + 1) for value in below]


def _secrets_in_the_clear(config: Any) -> Iterator[Refusal]:
    """Refuse a stack file with a secret that anybody can read: by its key's name, or by what it looks like."""
    for key, value in _config_values(config):
        if key == CONFIG_KEY or (isinstance(value, dict) and "secure" in value):
            continue
        ours = str(key).startswith(SECRETS_KEY)
        path = f"--path '{key}'" if ours else key
        if ((ours or holds_secret(str(key).rpartition(":")[2])) and value is not None) or hidden(value) != value:
            yield Refusal(
                f"config.{key}",
                HIDDEN,
                "a secret stands in a stack file only as Pulumi encrypted it (`secure: ...`)",
                "the file is committed: whoever reads the repository has the secret",
                f"`pulumi config set --secret {path}`, and give out a new secret: this one was in the open",
            )


def _config_values(config: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a configuration holds by key; of ``trellis:secrets`` each one by itself, as each may be encrypted."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if key == SECRETS_KEY and isinstance(value, dict) and value.keys() != {"secure"}:
            yield from ((f"{key}.{name}", secret) for name, secret in value.items())
        else:
            yield key, value


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

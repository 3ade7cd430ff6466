"""Whether Cilium would take its manifests: by the JSON Schemas of its resources, and their rules beside the schema.

The schemas are those that the CRDs catalog publishes; they are fetched once and kept.  Kubernetes adds rules in CEL,
which a JSON Schema validator passes over: those that these resources have are judged here, and one that is not known is
told as such.  Deliberately elsewhere: what the manifests say (``trellis.render.cilium``).
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KINDS = (
    "CiliumBGPClusterConfig",
    "CiliumBGPPeerConfig",
    "CiliumBGPAdvertisement",
    "CiliumBGPNodeConfigOverride",
)
API_VERSION = "cilium.io/v2"
SOURCE = "https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/cilium.io/{}"
_TIMEOUT_S = 10.0

Schemas = Callable[[str], Mapping[str, Any]]
"""Kind -> its schema."""


class SchemaMissingError(Exception):
    """A schema is neither kept here nor to be had."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one document.

    Attributes:
        document: Its kind and name.
        problems: What is wrong with it; none if Cilium would take it.
        unchecked: Rules that this release does not know.
    """

    document: str
    problems: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def verdicts(manifests: str, schemas: Schemas) -> Iterator[Verdict]:
    """Yield what is found of each document, in their order.

    Args:
        manifests: YAML documents.
        schemas: Where schemas come from.

    Raises:
        SchemaMissingError: One that is needed is not to be had.
    """
    for document in yaml.safe_load_all(manifests):
        yield _verdict(document, schemas)


def published(folder: Path | None = None, source: str = SOURCE) -> Schemas:
    """Return where schemas come from: a folder that keeps them, and fetches what it lacks.

    Args:
        folder: The folder; by default one of the user's cache.
        source: The address of a schema, with its file's name to be put in.
    """
    kept = folder if folder is not None else _cache()

    def schema(kind: str) -> Mapping[str, Any]:
        path = kept / f"{kind.lower()}_v2.json"
        if not path.is_file():
            _keep(path, _fetched(source.format(path.name), path))
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    return schema


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "trellis" / "cilium"


def _fetched(address: str, path: Path) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310 (the address is ours: https)
            text: bytes = answer.read()
        json.loads(text)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise SchemaMissingError(
            f"the schema {path.name} is not kept here and {address} gives none ({error}): "
            f"run it where there is internet, or put the file into {path.parent}"
        ) from None
    return text


def _keep(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(text)
    fresh.replace(path)


def _verdict(document: Any, schemas: Schemas) -> Verdict:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (0.1 s that other commands need not pay)

    if not isinstance(document, Mapping):
        return Verdict("(no resource)", ("a document is a Kubernetes resource",))
    kind = document.get("kind")
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    called = f"{kind} {name}"
    if kind not in KINDS or document.get("apiVersion") != API_VERSION:
        of = f"{document.get('apiVersion')} {kind}"
        return Verdict(
            called, (f"Cilium's BGP resources are of {API_VERSION} and one of {', '.join(KINDS)}; not {of}",)
        )
    problems = [] if isinstance(name, str) and name else ["metadata.name: a resource has a name"]
    schema = schemas(kind)
    errors = sorted(Draft202012Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path)))
    problems += [f"{'.'.join(map(str, error.absolute_path)) or '(top)'}: {error.message}" for error in errors]
    broken, unchecked = _judged(schema, document, "")
    return Verdict(called, (*problems, *broken), unchecked)


_RULES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "self.advertisementType != 'Service' || has(self.service)": lambda it: (
        it.get("advertisementType") != "Service" or "service" in it
    ),
    "self.advertisementType != 'PodCIDR' || !has(self.selector)": lambda it: (
        it.get("advertisementType") != "PodCIDR" or "selector" not in it
    ),
    "self.keepAliveTimeSeconds <= self.holdTimeSeconds": lambda it: (
        it.get("keepAliveTimeSeconds", 30) <= it.get("holdTimeSeconds", 90)
    ),
}
"""Rules in CEL, and what each says of the value that it stands at; numbers that are left out are the schema's."""


def _judged(schema: Any, value: Any, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which rules of a schema a value breaks, and which are not known."""
    broken: list[str] = []
    unknown: list[str] = []
    for rule in schema.get("x-kubernetes-validations", ()):
        holds = _RULES.get(rule["rule"])
        if holds is None:
            unknown.append(f"{path}: {rule['rule']}")
        elif isinstance(value, Mapping) and not holds(value):
            broken.append(f"{path}: {rule.get('message', rule['rule'])}")
    below: list[tuple[Any, Any, str]] = []
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        below = [(known[key], value[key], f"{path}.{key}".lstrip(".")) for key in value if key in known]
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        below = [(schema["items"], item, f"{path}.{number}") for number, item in enumerate(value)]
    for part in below:
        more, others = _judged(*part)
        broken += more
        unknown += others
    return tuple(broken), tuple(unknown)

"""The JSON Schemas that Talos publishes with each release: which documents a release knows, and which keys of them.

They say nothing of values that must fit together; that is the validator's part.  They are fetched once for a user,
never kept in the project; where GitHub does not answer, Talos's own Go module has the same file (and Go's checksum
database vouches for it).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from trellis.engine.pin import cache_dir
from trellis.verify.documents import Part, parts
from trellis.verify.verdict import NodePatches, Verdict, VerifierMissing

URL = "https://raw.githubusercontent.com/siderolabs/talos/v{release}/pkg/machinery/config/schemas/config.schema.json"
_MODULE = "github.com/siderolabs/talos/pkg/machinery"
_IN_MODULE = "config/schemas/config.schema.json"
_GENERATED = ("KubeControllerManagerConfig", "KubeProxyConfig")
"""Kinds of which a patch says a part: Talos's generator writes the rest, an image of the Kubernetes that is wanted."""

_SECONDS = 30.0
_GO_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of one release.

    Attributes:
        release: The release.
        data: The schema.
        validators: One for each kind that was asked for.
    """

    release: str
    data: dict[str, Any]
    validators: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """What it is, with its version."""
        return f"JSON Schema v{self.release}"

    def judge(self, nodes: Sequence[NodePatches]) -> list[Verdict]:
        """Return what the schema says of each document.

        Args:
            nodes: The nodes.
        """
        return [
            verdict for node in nodes for source, text in node.patches for verdict in self._judge(node, source, text)
        ]

    def _judge(self, node: NodePatches, source: str, text: str) -> Iterator[Verdict]:
        try:
            found = list(parts(text))
        except yaml.YAMLError as error:
            problem = " ".join(str(error).split())
            yield Verdict(node.cluster, node.node, node.release, source, 1, "", "", self.title, problem)
            return
        for part in found:
            problems = self.problems(part)
            yield Verdict(
                node.cluster,
                node.node,
                node.release,
                source,
                part.line,
                part.kind,
                part.name,
                self.title,
                "; ".join(problems) or None,
            )

    def problems(self, part: Part) -> list[str]:
        """Return what the schema has against a document, each with the place in it.

        Args:
            part: The document.
        """
        validator = self._validator(part)
        if validator is None:
            return [f"Talos {self.release} knows no document of kind {part.kind or '(none)'} of this version"]
        if isinstance(part.data, dict) and part.data.get("$patch") == "delete":
            return []  # it has no fields: it takes the document away
        found = [error for error in validator.iter_errors(part.data) if not _is_filled_in(part, error)]
        errors = sorted(found, key=lambda error: list(map(str, error.absolute_path)))
        return [f"{_place(error.absolute_path)}: {_one_line(error.message)}" for error in errors]

    def _validator(self, part: Part) -> Any:
        """Return who judges documents of a kind: of the whole schema, that each is one of dozens says nothing."""
        if part.kind not in self.validators:
            name = _definition(self.data, part)
            self.validators[part.kind] = (
                jsonschema.Draft202012Validator({"$defs": self.data["$defs"], "$ref": f"#/$defs/{name}"})
                if name is not None
                else None
            )
        return self.validators[part.kind]


def schema_of(release: str, folders: Iterable[Path] = ()) -> Schema:
    """Return the schema of a release: from a folder, this user's cache, GitHub, or Talos's Go module.

    Args:
        release: The release, for example 1.12.11.
        folders: Folders that may hold ``config-v<release>.schema.json`` already.

    Raises:
        VerifierMissing: It is nowhere to be had; says how to bring it.
    """
    kept = cache_dir("talos") / "schemas" / f"config-v{release}.schema.json"
    for path in (*(folder / kept.name for folder in folders), kept):
        if path.is_file():
            return _read(release, path.read_bytes(), str(path))
    try:
        content, where = _published(release), URL.format(release=release)
    except (OSError, ValueError) as error:
        module = _of_module(release)
        if module is None:
            raise VerifierMissing(
                f"the JSON Schema of Talos {release} is not here",
                f"{URL.format(release=release)} ({_one_line(str(error))}), nor has Go's module proxy that release",
                f"fetch that file where there is a way, and put it at {kept}, or name its folder with --schemas",
            ) from None
        content, where = module
    schema = _read(release, content, where)
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(kept)
    return schema


def _published(release: str) -> bytes:
    with urllib.request.urlopen(URL.format(release=release), timeout=_SECONDS) as answer:  # noqa: S310 - https
        content: bytes = answer.read()
    return content


def _of_module(release: str) -> tuple[bytes, str] | None:
    """Return the schema in Talos's Go module; None where there is no Go, no proxy, or no such release there."""
    go = shutil.which("go")
    if go is None:
        return None
    wanted = f"{_MODULE}@v{release}"
    try:
        done = subprocess.run(
            [go, "mod", "download", "-json", wanted],
            capture_output=True, text=True, check=False, timeout=_GO_SECONDS, cwd="/",
        )  # fmt: skip
        path = Path(json.loads(done.stdout)["Dir"]) / _IN_MODULE
        return path.read_bytes(), f"{wanted}/{_IN_MODULE}"
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
        return None


def _read(release: str, content: bytes, where: str) -> Schema:
    try:
        data = json.loads(content)
        if not isinstance(data["$defs"], dict):
            raise TypeError("$defs is no object")
    except (ValueError, KeyError, TypeError) as error:
        raise VerifierMissing(
            f"the JSON Schema of Talos {release} cannot be read", f"{where}: {error}", "fetch it again"
        ) from None
    return Schema(release, data)


def _definition(schema: dict[str, Any], part: Part) -> str | None:
    """Return the name of the definition of a document's kind and version."""
    if not isinstance(part.data, dict):
        return None
    if "kind" not in part.data:
        return "v1alpha1.Config"
    for name, definition in schema["$defs"].items():
        properties = definition.get("properties", {})
        kinds = properties.get("kind", {}).get("enum", ())
        versions = properties.get("apiVersion", {}).get("enum", ())
        if part.kind in kinds and part.data.get("apiVersion") in versions:
            return str(name)
    return None


def _is_filled_in(part: Part, error: Any) -> bool:
    """Return whether what lacks is in the document that Talos's generator writes, and a patch is merged onto."""
    return part.kind in _GENERATED and error.validator == "required" and not error.absolute_path


def _place(path: Iterable[object]) -> str:
    return ".".join(map(str, path)) or "(document)"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:297]}..."

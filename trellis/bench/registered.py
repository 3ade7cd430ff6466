"""What a run has registered with the engine, read back from its stack: resources, their inputs, and what it exports.

The floor on the engine (``trellis/bench/given``) gets this as a file, and what it registered is read in the same way
to see that the two are the same.  Left out are ids, parents, dependencies and providers.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trellis.bench.processes import BenchError
from trellis.lab import stack_folder
from trellis.lab.deployment import Request

_MARK, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""The key by which the engine's state tells a value of a special kind, and what stands there for a secret."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One resource.

    Attributes:
        type: Its type token.
        name: Its name.
        custom: Whether a plugin makes it; a component otherwise.
        plain: Its inputs that are not secret.
        secret: The values of those that are.
        outputs: What a component has registered as its outputs; empty for a custom resource, whose plugin says them.
    """

    type: str
    name: str
    custom: bool
    plain: Mapping[str, Any]
    secret: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registration:
    """All that a run has registered: resources by type and name, and the stack's outputs."""

    resources: tuple[Registered, ...]
    exports: Mapping[str, Any]

    def to_json(self) -> str:
        """Return the file that the floor reads."""
        return json.dumps(asdict(self))


def registration(request: Request) -> Registration:
    """Read what is in the stack of a run.

    Args:
        request: An `up` that has been done.

    Raises:
        BenchError: If the engine does not export the stack, or a secret is inside of an input or in an output.
    """
    argv = [str(request.engine), "stack", "export", "--show-secrets", "--non-interactive", "--stack", request.stack]
    environment = {**os.environ, **stack_folder.environment(request)}
    done = subprocess.run(argv, cwd=request.work_dir, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{request.project_dir.name}: the engine does not export its stack: {done.stderr.strip()}")
    states = json.loads(done.stdout)["deployment"]["resources"]
    resources = [_registered(state) for state in states if not state["type"].startswith("pulumi:")]
    root = next(state for state in states if state["type"] == "pulumi:pulumi:Stack")
    return Registration(
        tuple(sorted(resources, key=lambda one: (one.type, one.name))), _plain("the stack", root.get("outputs", {}))
    )


def difference(one: Registration, other: Registration) -> str:
    """Return the first thing that two runs have not registered alike; empty if there is none."""
    ones, others = ({(each.type, each.name): each for each in side.resources} for side in (one, other))
    for key in sorted(ones.keys() | others.keys()):
        if ones.get(key) != others.get(key):
            return f"{key[1]} ({key[0]})"
    return "" if one.exports == other.exports else "the stack's outputs"


def _registered(state: Mapping[str, Any]) -> Registered:
    inputs, name = state.get("inputs", {}), state["urn"].rpartition("::")[2]
    secret = {key: json.loads(value["plaintext"]) for key, value in inputs.items() if _is_secret(value)}
    return Registered(
        type=state["type"],
        name=name,
        custom=state["custom"],
        plain=_plain(name, {key: value for key, value in inputs.items() if key not in secret}),
        secret=secret,
        outputs={} if state["custom"] else _plain(name, state.get("outputs", {})),
    )


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_MARK) == _SECRET


def _plain(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    if _MARK in json.dumps(values):
        raise BenchError(f"{name}: holds a secret where the floor would not mark it as one")
    return values

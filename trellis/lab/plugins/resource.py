"""What a stand-in's resource answers: the part of the plugin protocol that differs from one to the next.

The protocol itself (gRPC, structs, previews) is in `trellis.lab.plugins.server`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from trellis.lab.plugins.differences import Difference
from trellis.lab.plugins.wire import Properties

Severity = Literal["info", "warning", "error"]


class OperationError(Exception):
    """An operation failed; its text is what the user reads in the engine's diagnostics."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that was refused.

    Args:
        property: The property it is about.
        reason: Why, for the user.
    """

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Call:
    """The surroundings of one operation.

    Args:
        name: The resource's name in the program.
        log: Sends a line to the engine: severity, text, and whether it is only shown while running.
    """

    name: str
    log: Callable[[Severity, str, bool], None]


@dataclass(frozen=True, slots=True)
class Live:
    """What a read found.

    Args:
        inputs: The inputs that would make the thing as it is.
        state: All of its properties.
    """

    inputs: Properties
    state: Properties


class Resource(Protocol):
    """One resource type of a stand-in."""

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Fill in defaults and refuse bad inputs."""

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """What differs between two sets of checked inputs."""

    def planned(self, inputs: Properties) -> Properties:
        """The properties as a preview knows them: outputs that are not known yet are UNKNOWN."""

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Make it; returns its id and all of its properties."""

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """Look at it; None if it is gone."""

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Change it in place; returns all of its properties."""

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """Remove it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A stand-in plugin.

    Args:
        name: The plugin's name, for example "command".
        version: The version of the real plugin that it stands in for.
        resources: Its resource types by type token.
        configure: Takes the provider's configuration, before any resource.
        cancel: Stops what is running.
        functions: What it answers without a resource, by token; each raises an ``OperationError`` to refuse.
    """

    name: str
    version: str
    resources: Mapping[str, Resource]
    configure: Callable[[Mapping[str, Any]], None]
    cancel: Callable[[], None]
    functions: Mapping[str, Callable[[Properties], Properties]] = field(default_factory=dict)

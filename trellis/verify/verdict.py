"""What is judged, and what was found: one verdict for each document of each node, and one for what they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

WHOLE = "(whole)"
"""The kind of the verdict on what a node's patches become."""


@dataclass(frozen=True, slots=True)
class NodePatches:
    """A node's patches, in the order in which they are merged.

    Attributes:
        role: ``controlplane`` or ``worker``.
        release: The Talos release that it runs.
        patches: Where each comes from, and its text.
    """

    cluster: str
    node: str
    role: str
    release: str
    patches: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a document.

    Attributes:
        source: Which patch it is in.
        line: Its first line there, from 1; 0 for what the patches become.
        kind: Its kind, ``v1alpha1`` for the machine configuration itself, or ``(whole)``.
        validator: Who judged.
        problem: Why it is refused; None where it is accepted.
    """

    cluster: str
    node: str
    release: str
    source: str
    line: int
    kind: str
    name: str
    validator: str
    problem: str | None

    @property
    def ok(self) -> bool:
        """Whether it is accepted."""
        return self.problem is None


class Validator(Protocol):
    """Who judges nodes' patches."""

    @property
    def title(self) -> str:
        """What it is, with its version."""

    def judge(self, nodes: Sequence[NodePatches]) -> list[Verdict]:
        """Return what it finds.

        Args:
            nodes: The nodes.

        Raises:
            VerifierMissing: It cannot judge.
        """


class VerifierMissing(Exception):
    """Nobody is there to judge, or who is does not answer.

    Args:
        what: What is missing, as a short clause.
        why: What was tried and what stood in the way.
        remedy: What the user installs or changes.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}; {remedy}")

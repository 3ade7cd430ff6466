"""A text of several YAML documents, cut at its markers, so that a problem is told with its document and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a text.

    Attributes:
        line: Its first line, from 1.
    """

    line: int
    data: Any

    @property
    def kind(self) -> str:
        """Its kind; the machine configuration itself has none."""
        return str(self.data.get("kind", "v1alpha1")) if isinstance(self.data, dict) else ""

    @property
    def name(self) -> str:
        """Its name, or nothing."""
        named = isinstance(self.data, dict) and "kind" in self.data
        return str(self.data.get("name", "")) if named else ""


def parts(text: str) -> Iterator[Part]:
    """Yield the documents of a text.

    Args:
        text: YAML whose markers stand at the beginning of a line, as nothing else does.

    Raises:
        yaml.YAMLError: A document is not YAML.
    """
    line, lines = 1, text.split("\n")
    found: list[str] = []
    for number, one in enumerate([*lines, "---"], start=1):
        if one != "---":
            found.append(one)
            continue
        data = yaml.safe_load("".join(f"{kept}\n" for kept in found))
        if data is not None:
            yield Part(line, data)
        found, line = [], number + 1

"""A site while it is inferred, and the words that it is written in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Draft:
    """A site as far as it is inferred.

    Attributes:
        data: The object under ``trellis:site``.
        prefixes: What its prefix file says of each VNet.
        assumed: What no text says, and what was taken for it.
        names: By host, its loopbacks.
    """

    data: dict[str, Any]
    prefixes: dict[str, Any] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    loopbacks: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)

    def assume(self, text: str) -> None:
        """Note what no text says."""
        if text not in self.assumed:
            self.assumed.append(text)


def secret_name(key: str, otherwise: str) -> str:
    """Return the name of the secret that a key is: of a placeholder of ours its own, of a real key another.

    Args:
        key: What FRR's text has for the key; it goes nowhere.
        otherwise: The name of a real key.
    """
    found = re.search(r"\{\{secret:([a-z0-9-]+)\}\}", key)
    return found[1] if found else otherwise


def named(text: str, otherwise: str) -> str:
    """Return a text as a site may have it for a name.

    Args:
        text: As somebody wrote it.
        otherwise: What it is called where nothing of it is left.
    """
    return re.sub("[^a-z0-9]+", "-", text.lower())[:40].strip("-") or otherwise

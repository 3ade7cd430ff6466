"""What a trial deploys to a host: the manifest that holds there now, with a few lines changed.

The program made that manifest; a fault that concerns one host needs neither its plan nor its engine to change a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trellis.agent.manifest import HEADING, sealed

CONFIG: Final = "/etc/frr/frr.conf"
LOCAL: Final = "/etc/frr/frr.conf.local"
MARK: Final = "ip prefix-list TL-FAULT"
"""What the lines begin with by which a change is known; no route-map uses the list, so no route depends on it."""

# Both files of a Proxmox host have these lines, next to each other and at the same place.
_ANCHOR: Final = "ip prefix-list TL-INFRASTRUCTURE "

Edit = Callable[[list[str]], list[str]]
"""Takes the lines of a configuration, returns them as they are to be."""


@dataclass(frozen=True, slots=True)
class Change:
    """A manifest to be deployed.

    Args:
        text: The document, as the agent reads it.
        digest: Its digest.
        lines: Lines that FRR runs once it is in force, and did not before.
    """

    text: str
    digest: str
    lines: tuple[str, ...] = ()


def changed(manifest: str, *edits: Edit, lines: Sequence[str] = (), **fields: Any) -> Change:
    """A host's manifest with edits made to its frr.conf and frr.conf.local.

    Args:
        manifest: The document that is committed there.
        edits: What becomes of the lines of either file.
        lines: For `Change.lines`.
        fields: Fields of the manifest that get another value.
    """
    document = json.loads(manifest.removeprefix(HEADING))
    for file in document["files"]:
        if file["path"] in (CONFIG, LOCAL):
            for edit in edits:
                file["lines"] = edit(file["lines"])
    whole = sealed({**document, **fields})
    return Change(f"{HEADING}{json.dumps(whole, indent=1)}\n", whole["digest"], tuple(lines))


def marks(*addresses: str) -> Edit:
    """Have the list of marks hold these addresses, and no others."""
    new = [f"{MARK} seq {5 * number} permit {address}/32" for number, address in enumerate(addresses, 1)]
    return lambda lines: after(_ANCHOR, *new)([line for line in lines if not line.startswith(MARK)])


def after(anchor: str, *new: str) -> Edit:
    """Put lines behind the last one that begins with `anchor`; a file without such a line stays as it is."""

    def edit(lines: list[str]) -> list[str]:
        places = [number for number, line in enumerate(lines) if line.startswith(anchor)]
        return [*lines[: places[-1] + 1], *new, *lines[places[-1] + 1 :]] if places else lines

    return edit


def replaced(old: str, new: str) -> Edit:
    """Put a line in the place of each that is equal to `old`."""
    return lambda lines: [new if line == old else line for line in lines]

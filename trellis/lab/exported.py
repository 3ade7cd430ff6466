"""What the program exported at its last apply, kept for the guests, which boot from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis.lab.boot import Boot, of_talos
from trellis.lab.deployment import Output
from trellis.lab.errors import LabError
from trellis.lab.user_data import of_virtual_machine
from trellis.site import AttachedGuest


def keep(state: Path, outputs: Mapping[str, Output]) -> None:
    """Keep a stack's outputs; the file is its owner's alone, as texts for guests may hold a session's key.

    Args:
        state: The lab's folder.
        outputs: The outputs.
    """
    file = _file(state)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        json.dump({name: output.value for name, output in outputs.items()}, written)


def boot_of(state: Path, guest: AttachedGuest) -> Boot:
    """Return what a guest boots with.

    Args:
        state: The lab's folder.
        guest: The guest.

    Raises:
        LabError: Nothing was exported for it yet, or what was is no configuration.
    """
    document = _documents(state).get(guest.name)
    if document is None:
        raise LabError(f"guest {guest.name}", why="the program has exported nothing for it", remedy="trellis demo")
    if patch := document.get("patch"):
        return of_talos(guest.name, patch)
    return of_virtual_machine(guest.name, document["user_data"])


def _documents(state: Path) -> dict[str, Any]:
    """Each guest's document: a cluster's node has it in the cluster's."""
    if not _file(state).is_file():
        return {}
    outputs: dict[str, str] = json.loads(_file(state).read_text())
    found: dict[str, Any] = json.loads(outputs.get("guests", "{}"))
    for name, output in outputs.items():
        if name.startswith("cluster_"):
            found |= json.loads(output)["nodes"]
    return found


def _file(state: Path) -> Path:
    return state / "outputs.json"

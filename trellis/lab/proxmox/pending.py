"""What `?pending=1` answers: the committed values, and beside them what is not yet committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trellis.lab.proxmox.store import Objects

_TOP_LEVEL = ("type", "vnet")
"""Keys that are shown at top level even while the object is new."""


def pending_view(running: Mapping[str, Mapping[str, Any]], current: Mapping[str, Mapping[str, Any]]) -> Objects:
    """The objects of a section with their `state` and `pending`.

    Args:
        running: The committed objects.
        current: The objects as they would be committed.

    Returns:
        An object that is new shows only its type (a subnet its VNet too) beside `pending`; a deleted one
        all its values, `state: deleted`; a key that was removed reads `deleted` under `pending`.
    """
    out: Objects = {}
    for key in sorted({*running, *current}):
        out[key] = _view(dict(running.get(key, {})), dict(current.get(key, {})))
    return out


def _view(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    out = dict(old)
    if not new:
        return {**out, "state": "deleted", "pending": {}}
    changes: dict[str, Any] = {name: "deleted" for name in old if name not in new}
    for name, value in new.items():
        if name in _TOP_LEVEL:
            out[name] = value
        elif old.get(name) != value:
            changes[name] = value
    if not old:
        return {**out, "state": "new", "pending": changes}
    if changes or any(old.get(name) != value for name, value in new.items()):
        return {**out, "state": "changed", "pending": changes}
    return out


def has_changes(view: Objects) -> bool:
    """Whether anything in a section is not yet committed."""
    return any("state" in entry for entry in view.values())

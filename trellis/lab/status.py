"""Whether the parts of a lab run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a part of a twin runs.

    Args:
        kind: host, edge, Proxmox API or guest.
        name: Its name.
        place: Where it runs.
        up: Whether it does.
    """

    kind: str
    name: str
    place: str
    up: bool

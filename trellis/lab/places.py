"""Where a lab's guests are, kept from one command to the next, and told to the lab's Proxmox as its VMs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from trellis.lab.guests import vm_number
from trellis.site import AttachedGuest


@dataclass(frozen=True, slots=True)
class Place:
    """The host that a guest is on, and whether it runs there."""

    host: str
    running: bool


def read(state: Path) -> dict[str, Place]:
    """The guests that were started at some time, each with its place.

    Args:
        state: The lab's folder.
    """
    file = state / "places.json"
    raw: dict[str, dict[str, str | bool]] = json.loads(file.read_text()) if file.is_file() else {}
    return {name: Place(str(entry["host"]), bool(entry["running"])) for name, entry in raw.items()}


def write(state: Path, guests: tuple[AttachedGuest, ...], places: Mapping[str, Place]) -> None:
    """Keep where guests are.

    Args:
        state: The lab's folder.
        guests: The site's guests; one without a place is a stopped VM on the site's host.
        places: Guest -> place.
    """
    raw = {name: asdict(place) for name, place in places.items()}
    (state / "places.json").write_text(json.dumps(raw, indent=1) + "\n")
    here = {guest.name: places.get(guest.name, Place(guest.host, running=False)) for guest in guests}
    vms = [
        {
            "vmid": vm_number(guest),
            "name": guest.name,
            "node": here[guest.name].host,
            "status": "running" if here[guest.name].running else "stopped",
            "mac": guest.mac,
            "bridge": guest.vnet,
            "tap": f"tap{vm_number(guest)}i0",
        }
        for guest in guests
    ]
    vms_file(state).write_text(json.dumps(vms, indent=1) + "\n")


def vms_file(state: Path) -> Path:
    """The file that the lab's Proxmox reads its VMs from."""
    return state / "vms.json"

"""What the program exported at its last apply, kept for the guests, which boot from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis.lab.boot import Boot, Link, Route, of_talos, of_virtual_machine
from trellis.lab.deployment import Output
from trellis.lab.errors import LabError
from trellis.site import AttachedGuest, Site


def keep(state: Path, outputs: Mapping[str, Output]) -> None:
    """Keep a stack's outputs; the file is its owner's alone, as texts for guests may hold a session's key.

    Args:
        state: The lab's folder.
        outputs: The outputs.
    """
    file = _file(state)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        json.dump({name: output.value for name, output in outputs.items()}, written)


def boot_of(state: Path, site: Site, guest: AttachedGuest) -> Boot:
    """Return what a guest boots with.

    Args:
        state: The lab's folder.
        site: The site.
        guest: The guest.

    Raises:
        LabError: Nothing was exported for it yet, or what was is no configuration.
    """
    document = _documents(state).get(guest.name)
    if document is None:
        raise LabError(f"guest {guest.name}", why="the program has exported nothing for it", remedy="trellis demo")
    if patch := document.get("patch"):
        return of_talos(guest.name, patch)
    addresses = (*guest.loopbacks, *guest.extra)
    return of_virtual_machine(guest.name, _card(site, guest), tuple(map(str, addresses)), document["user_data"])


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


def _card(site: Site, guest: AttachedGuest) -> Link:
    """A VM's network card as Proxmox's cloud-init drive sets it: its addresses, and the gateway."""
    subnets = site.vnets[guest.vnet].subnets
    held = [(guest.ipv4, subnets.ipv4), (guest.ipv6, subnets.ipv6)]
    there = [(address, subnet) for address, subnet in held if address is not None and subnet is not None]
    return Link(
        "eth0",
        mtu=site.zones[guest.zone].mtu,
        addresses=tuple(f"{address}/{subnet.prefix.prefixlen}" for address, subnet in there),
        routes=tuple(Route(str(subnet.gateway), _VM_METRIC) for _, subnet in there),
    )


_VM_METRIC = 4096
"""Worse than what any speaker learns, so that BGP's default is taken as soon as it is there."""


def _file(state: Path) -> Path:
    return state / "outputs.json"

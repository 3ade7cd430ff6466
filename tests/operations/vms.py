"""VMs of a Proxmox as the homelab would have them: all as declared, to be spoiled by tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.sites import site_of
from trellis.observe.virtual_machines import Card, Machine, Machines
from trellis.site import attached_guests

GUESTS = {guest.name: guest for guest in attached_guests(site_of("homelab"))}
DEBIAN, DEBIAN_VM = GUESTS["debian-test-1"], 1006


def machines(*more: Machine, **changes: Machine | None) -> Machines:
    """All VMs as declared, some of them otherwise (by guest, `_` for `-`; None for gone), and more of them."""
    other = {name.replace("_", "-"): machine for name, machine in changes.items()}
    found = {name: other.get(name, as_declared(name)) for name in GUESTS}
    present = [machine for machine in (*found.values(), *more) if machine is not None]
    gone = frozenset(vmid for guest in GUESTS.values() if (vmid := guest.vmid) is not None)
    by_vmid = {machine.vmid: machine for machine in present}
    return Machines(by_vmid, gone - by_vmid.keys())


def as_declared(name: str, **changes: Any) -> Machine:
    """The VM of a guest."""
    guest = GUESTS[name]
    assert guest.vmid is not None
    vm = Machine(guest.vmid, guest.host, True, (Card(f"net{guest.nic}", guest.mac, guest.vnet),), name=name)
    return replace(vm, **changes)


def stranger(vmid: int = 1050, vnet: str = "vnet101", **changes: Any) -> Machine:
    """A VM that the site does not have, with one card on one of its VNets."""
    vm = Machine(vmid, "pve01", True, (Card("net0", f"bc:24:11:aa:{vmid // 256:02x}:{vmid % 256:02x}", vnet),))
    return replace(vm, **{"name": f"web {vmid}.example", **changes})


def as_simulated(vms: Iterable[Machine]) -> list[dict[str, Any]]:
    """The same as the lab's Proxmox reads them from its file."""
    return [
        {
            "vmid": vm.vmid,
            "name": vm.name,
            "node": vm.node,
            "status": "running" if vm.running else "stopped",
            "template": int(vm.template),
            **({"tags": ";".join(vm.tags)} if vm.tags else {}),
            "cards": {card.name: {"mac": card.mac, "bridge": card.bridge} for card in vm.cards},
        }
        for vm in vms
    ]

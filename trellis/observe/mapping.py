"""Which VM each guest is, and what became of it, put into the store from what Proxmox says."""

from __future__ import annotations

from sqlalchemy import delete, select

from trellis.observe.tables import UNKNOWN, EventKind, Peering, PeeringState, Session
from trellis.observe.transaction import Work
from trellis.observe.virtual_machines import Card, Machine, Machines


def expected(work: Work) -> frozenset[int]:
    """The VMs that guests are known to be, and that were not seen to be destroyed."""
    known = work.db.scalars(select(Peering.vm_id).where(Peering.vm_id != UNKNOWN, Peering.vm_destroyed.is_(None)))
    return frozenset(int(vmid) for vmid in known if vmid.isdigit())


def record(work: Work, machines: Machines) -> None:
    """Bring every peering in line with the VMs.

    Args:
        work: The transaction.
        machines: What Proxmox says.
    """
    by_mac = machines.by_mac()
    for row in work.db.scalars(select(Peering).order_by(Peering.id)):
        machine = _identify(work, row, machines, by_mac.get(row.mac or ""))
        if machine is not None:
            _found(work, row, machine)
        elif row.vm_destroyed is None and row.vm_id.isdigit() and int(row.vm_id) in machines.destroyed:
            _destroyed(work, row)


def _identify(work: Work, row: Peering, machines: Machines, found: tuple[Machine, Card] | None) -> Machine | None:
    """The VM of a guest: by its network card, else by the number that the site gives it."""
    if found is not None:
        machine, card = found
        _name(row, str(machine.vmid), card.name)
        return machine
    guest = work.known.guests.get((row.network_id, row.guest_ip))
    if guest is not None and guest.vmid is not None:
        _name(row, str(guest.vmid), f"net{guest.nic}")
        return machines.by_vmid.get(guest.vmid)
    return None


def _name(row: Peering, vm_id: str, nic_id: str) -> None:
    if (row.vm_id, row.nic_id) != (vm_id, nic_id):
        row.vm_id, row.nic_id = vm_id, nic_id


def _found(work: Work, row: Peering, machine: Machine) -> None:
    if row.vm_destroyed is not None:
        # It was made anew; a guest of the site is one again, one that nobody declared has to speak first.
        row.vm_destroyed = None
        if (row.network_id, row.guest_ip) in work.known.guests:
            row.removed = None
        work.touch(row)
    if machine.running is False and row.vm_stopped is None:
        row.vm_stopped = work.at
        if row.state != PeeringState.WITHDRAWN:
            work.tell(EventKind.VM_STOPPED, machine.node, row, f"VM {machine.vmid}")
        work.touch(row)
    elif machine.running is True and row.vm_stopped is not None:
        row.vm_stopped = None
        work.touch(row)


def _destroyed(work: Work, row: Peering) -> None:
    row.vm_destroyed = work.at
    row.removed = row.removed or work.at
    work.db.execute(delete(Session).where(Session.peering_id == row.id))
    work.tell(EventKind.VM_DESTROYED, row.host, row, f"VM {row.vm_id}")
    work.touch(row)

"""The guests of a site beside the VMs of its Proxmox: who is as declared, who differs in what, and who is not declared.

A guest is the VM that has its network card; where none has, the VM of its number, or the one of its name on its VNet.
Asking Proxmox is ``trellis.observe.virtual_machines``', what a site could say of strangers ``proposals``'.
Containers are not compared: the site's guests are VMs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trellis.observe.virtual_machines import Card, Machine, Machines
from trellis.site import AttachedGuest, Site, attached_guests
from trellis.site.resolved import peering_policy

State = Literal["as declared", "differs", "absent", "unknown"]
What = Literal["vmid", "nic", "mac", "vnet", "node", "tag", "template"]
Heard = Literal["bound", "open", "nobody"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the site says of a guest, and what Proxmox says."""

    what: What
    site: str
    proxmox: str

    def __str__(self) -> str:
        """Return the difference as people read it."""
        return f"{self.what}: the site says {self.site}; Proxmox says {self.proxmox}"


@dataclass(frozen=True, slots=True)
class Found:
    """A guest of the site, and the VM that it is.

    Attributes:
        guest: Its name.
        path: Where it stands in the site.
        vmid: The VM's number in Proxmox; None where there is no such VM.
        nic: The card that is compared.
        node: The node that the VM is on.
        running: Whether it runs, as far as Proxmox knows.
        why: Why it is absent, or why nobody can say.
    """

    guest: str
    path: str
    state: State
    vmid: int | None = None
    nic: str | None = None
    node: str | None = None
    running: bool | None = None
    differences: tuple[Difference, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A network card on a VNet of the site that is no declared guest's.

    Attributes:
        name: What its VM is called.
        heard: Whether the VNet's policy wants it declared: ``bound`` does; on an ``open`` VNet it may speak as it is,
            and on one where ``nobody`` is heard it has no session to be declared for.
    """

    vmid: int
    name: str
    node: str
    nic: str
    mac: str
    vnet: str
    heard: Heard
    running: bool | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A VM whose cards Proxmox did not tell; it may be on any VNet."""

    vmid: int
    name: str
    node: str
    why: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """How site and Proxmox compare."""

    guests: tuple[Found, ...]
    undeclared: tuple[Undeclared, ...]
    unread: tuple[Unread, ...]

    @property
    def same(self) -> bool:
        """Whether all is known and as declared, and whoever has to be declared is."""
        declared = all(guest.state == "as declared" for guest in self.guests)
        return declared and not self.unread and not any(card.heard == "bound" for card in self.undeclared)

    def guest(self, name: str) -> Found | None:
        """Return what was found of a guest."""
        return next((found for found in self.guests if found.guest == name), None)


Owned = tuple[Machine, Card | None]
_Key = tuple[int, str]


def compare(site: Site, machines: Machines) -> Discovery:
    """Return how the guests of a site compare with the VMs that there are.

    Args:
        site: A site that was accepted.
        machines: What Proxmox says of all VMs, those that it was asked for by number among them.
    """
    guests = attached_guests(site)
    known = _Known(machines)
    owned = {guest.name: known.by_card(guest) or known.by_number(guest) for guest in guests}
    claimed = {key for found in owned.values() for key in _keys(found)}
    claimed |= {key for guest in guests for key in known.cards_with(guest.mac)}
    for guest in guests:
        if owned[guest.name] is None and (named := known.by_name(guest, claimed)) is not None:
            owned[guest.name] = named
            claimed |= set(_keys(named))
    return Discovery(
        tuple(_found(site, guest, owned[guest.name], known) for guest in guests),
        tuple(_undeclared(site, machines, claimed)),
        tuple(
            Unread(machine.vmid, machine.name, machine.node, machine.unread)
            for _, machine in sorted(machines.by_vmid.items())
            if machine.unread
        ),
    )


class _Known:
    """All VMs, looked up by what a guest is known by."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self._by_mac: dict[str, list[tuple[Machine, Card]]] = {}
        for _, machine in sorted(machines.by_vmid.items()):
            for card in machine.cards:
                self._by_mac.setdefault(card.mac, []).append((machine, card))

    def owners(self, mac: str) -> list[tuple[Machine, Card]]:
        """Return every card with an address; a template's is only in the way if a VM is made of it."""
        found = self._by_mac.get(mac, [])
        return [owner for owner in found if not owner[0].template] or found

    def cards_with(self, mac: str) -> Iterator[_Key]:
        for machine, card in self._by_mac.get(mac, ()):
            yield machine.vmid, card.name

    def by_card(self, guest: AttachedGuest) -> Owned | None:
        """Return the card that has the guest's address; of several the likeliest."""

        def likely(owner: tuple[Machine, Card]) -> tuple[bool, bool, bool]:
            machine, card = owner
            return machine.vmid != guest.vmid, card.bridge != guest.vnet, card.name != f"net{guest.nic}"

        return min(self.owners(guest.mac), key=likely, default=None)

    def by_number(self, guest: AttachedGuest) -> Owned | None:
        """Return the VM of the guest's number, with the card that the site says is on the VNet, if it has that."""
        machine = self.machines.by_vmid.get(guest.vmid) if guest.vmid is not None else None
        if machine is None:
            return None
        return machine, next((card for card in machine.cards if card.name == f"net{guest.nic}"), None)

    def by_name(self, guest: AttachedGuest, claimed: set[_Key]) -> Owned | None:
        """Return the one free card on the guest's VNet of a VM that is called as the guest is."""
        found = [
            (machine, card)
            for machine in self.machines.by_vmid.values()
            for card in machine.cards
            if machine.name == guest.name and card.bridge == guest.vnet and (machine.vmid, card.name) not in claimed
        ]
        return found[0] if len(found) == 1 else None


def _keys(owned: Owned | None) -> Iterator[_Key]:
    if owned is not None and owned[1] is not None:
        yield owned[0].vmid, owned[1].name


def _found(site: Site, guest: AttachedGuest, owned: Owned | None, known: _Known) -> Found:
    if owned is None:
        state, why = _missing(guest, known.machines)
        return Found(guest.name, guest.path, state, why=why)
    machine, card = owned
    differences = tuple(_differences(site, guest, machine, card, known))
    state = "differs" if differences else "as declared"
    why = ""
    if card is None and machine.unread:
        state, why, differences = "unknown", f"VM {machine.vmid}'s cards were not read: {machine.unread}", ()
    nic = card.name if card is not None else None
    return Found(guest.name, guest.path, state, machine.vmid, nic, machine.node, machine.running, differences, why)


def _missing(guest: AttachedGuest, machines: Machines) -> tuple[State, str]:
    """Whether a guest that no VM is found for is absent, or only not seen."""
    unread = [machine.vmid for machine in machines.by_vmid.values() if machine.unread]
    if unread:
        return "unknown", f"the cards of {len(unread)} VM(s) were not read, VM {min(unread)}'s among them"
    if guest.vmid is None:
        return "absent", f"no VM has a network card {guest.mac}"
    if guest.vmid in machines.destroyed:
        return "absent", f"there is no VM {guest.vmid}, and none has a network card {guest.mac}"
    why = "is not listed, and Proxmox does not say that it is gone: the token may not see it (VM.Audit)"
    return "unknown", f"VM {guest.vmid} {why}"


def _differences(
    site: Site, guest: AttachedGuest, machine: Machine, card: Card | None, known: _Known
) -> Iterator[Difference]:
    if guest.vmid is not None and machine.vmid != guest.vmid:
        yield Difference("vmid", str(guest.vmid), str(machine.vmid))
    if machine.template:
        yield Difference("template", "a guest, which runs", f"VM {machine.vmid} is a template, which never does")
    if card is None:
        yield Difference("nic", f"net{guest.nic}", f"VM {machine.vmid} has no such card")
    else:
        yield from _of_card(guest, machine, card, known)
    if machine.node not in guest.placement:
        yield Difference("node", " or ".join(guest.placement), machine.node)
    for tag in _tags_of_others(site, guest, machine):
        own = ", ".join(filter(None, (guest.tenant, guest.cluster, guest.vnet)))
        yield Difference("tag", f"it is of {own}", tag)


def _of_card(guest: AttachedGuest, machine: Machine, card: Card, known: _Known) -> Iterator[Difference]:
    # Without a number in the site nothing is tied to a port, and any card will do.
    if guest.vmid is not None and card.name != f"net{guest.nic}":
        yield Difference("nic", f"net{guest.nic}", card.name)
    if card.mac != guest.mac:
        yield Difference("mac", guest.mac, card.mac)
    if card.bridge != guest.vnet:
        yield Difference("vnet", guest.vnet, card.bridge or "no bridge")
    for other, twin in known.owners(guest.mac):
        if card.mac == guest.mac and (other.vmid, twin.name) != (machine.vmid, card.name):
            yield Difference("mac", f"{guest.mac} is one guest's", f"{twin.name} of VM {other.vmid} has it too")


def _tags_of_others(site: Site, guest: AttachedGuest, machine: Machine) -> list[str]:
    """The tags that name a tenant, cluster or VNet of the site which the guest is not of; other tags mean nothing."""
    names = {*site.tenants, *site.clusters, *site.vnets} - {guest.tenant, guest.cluster, guest.vnet}
    return [tag for tag in machine.tags if tag in names]


def _undeclared(site: Site, machines: Machines, claimed: set[_Key]) -> Iterator[Undeclared]:
    for _, machine in sorted(machines.by_vmid.items()):
        for card in machine.cards:
            if machine.template or card.bridge not in site.vnets or (machine.vmid, card.name) in claimed:
                continue
            policy = peering_policy(site, card.bridge)
            yield Undeclared(
                machine.vmid,
                machine.name,
                machine.node,
                card.name,
                card.mac,
                card.bridge,
                policy.mode if policy.enabled else "nobody",
                machine.running,
                machine.tags,
            )

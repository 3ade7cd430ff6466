"""What a person may name as the source or the destination of a packet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Literal

from trellis.plan.model import GuestPlan
from trellis.reach.fabric import Address, Fabric, Version

PlaceKind = Literal["guest", "pod", "service", "gateway", "host", "edge", "infrastructure", "internet", "unused"]

INTERNET: dict[Version, Address] = {4: ip_address("203.0.113.1"), 6: ip_address("2001:db8:ffff::1")}
"""An address for the internet where none is named (RFC 5737, RFC 3849)."""


class UnknownPlaceError(Exception):
    """A name that the plan does not know, or a place from which no packet can be followed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a packet begins or ends.

    Attributes:
        name: As it was given.
        owner: The guest, host or edge that has the address; None where that is open.
        addresses: By family, 4 and 6.
    """

    name: str
    kind: PlaceKind
    owner: str | None
    addresses: dict[Version, Address]


def place(fabric: Fabric, name: str) -> Place:
    """Return what ``name`` means: a guest, a host, an edge, ``internet``, or any address.

    A guest's name stands for its loopbacks, by which it is known wherever it runs; one without has its own addresses.

    Args:
        fabric: The fabric.
        name: What a person wrote.

    Raises:
        UnknownPlaceError: If it is no address and the plan has nothing of that name.
    """
    if name == "internet":
        return Place(name, "internet", None, dict(INTERNET))
    if name in fabric.guests:
        return Place(name, "guest", name, _of_guest(fabric.guests[name]))
    if name in fabric.hosts or name in fabric.edges:
        found: dict[Version, Address] = {4: fabric.loopback(name, 4), 6: fabric.loopback(name, 6)}
        return Place(name, "host" if name in fabric.hosts else "edge", name, found)
    try:
        address = ip_address(name)
    except ValueError:
        known = ("internet", *fabric.guests, *fabric.hosts, *fabric.edges)
        raise UnknownPlaceError(unknown(name, "guest, host or edge", known)) from None
    kind, owner = _kind(fabric, address)
    return Place(name, kind, owner, {address.version: address})


def source(fabric: Fabric, name: str) -> Place:
    """Return where a packet begins; see `place`.

    Raises:
        UnknownPlaceError: If nobody is known to send from there.
    """
    found = place(fabric, name)
    if found.kind == "internet" and not fabric.edges:
        raise UnknownPlaceError(f"{name} is on the internet, and the plan has no edge: nothing comes from there")
    if found.owner is None and found.kind != "internet":
        what = {"gateway": "a gateway, which every host of its zone has"}.get(found.kind, "an address that nobody has")
        raise UnknownPlaceError(f"{name} is {what}: name the guest, host or edge that sends")
    return found


def unknown(name: str, noun: str, known: Iterable[str]) -> str:
    """Return a message about a name that is not known, with the names that are near it."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"the plan has no {noun} {name}; did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"the plan has no {noun} {name}; it has {shown}"


def _of_guest(planned: GuestPlan) -> dict[Version, Address]:
    guest = planned.guest
    found: dict[Version, Address] = {6: guest.ipv6}
    if guest.ipv4 is not None:
        found[4] = guest.ipv4
    for loopback in guest.loopbacks:
        found[loopback.version] = loopback.network_address
    return found


def _kind(fabric: Fabric, address: Address) -> tuple[PlaceKind, str | None]:
    if address in fabric.guests_by_address:
        return "guest", fabric.guests_by_address[address].guest.name
    if address in fabric.routers_by_address:
        return "infrastructure", fabric.routers_by_address[address][0]
    for planned in fabric.plan.guests:
        kind = _served(planned, address)
        if kind is not None:
            return kind, planned.guest.name
    if address in fabric.gateways:
        return "gateway", None
    if fabric.zone_with(address) is not None:
        return "unused", None
    return ("infrastructure" if fabric.is_infrastructure(address) else "internet"), None


def _served(planned: GuestPlan, address: Address) -> PlaceKind | None:
    """Return what an address is to a guest whose pods or services may have it."""
    guest = planned.guest
    if any(address in pods for pods in (*guest.pods, *(pool for pool, _ in guest.pod_pools))):
        return "pod"
    return "service" if any(address in pool for pool in guest.services) else None

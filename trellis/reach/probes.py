"""Who still reaches whom, asked once for all guests that are alike: same host, same VNet, same kinds of addresses."""

from __future__ import annotations

from dataclasses import dataclass

from trellis.plan.model import GuestPlan
from trellis.reach.consequences import AddressKind
from trellis.reach.fabric import Address, Version
from trellis.reach.packets import Packet
from trellis.reach.places import INTERNET
from trellis.reach.trace import answers
from trellis.reach.walk import Walk

Alike = tuple[str, str, bool, bool, bool]
"""Host, VNet, whether there is an IPv4 address, whether there are loopbacks, whether there are pods."""

KINDS: tuple[AddressKind, ...] = ("own", "loopback", "pods")


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether packet and answer arrive by all their equal paths, and if not, why."""

    answered: bool
    why: str = ""


class Probes:
    """Sends packets between guests of one state of the fabric.

    Args:
        walk: That state.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._known: dict[tuple[Alike, Alike | None, Version, AddressKind], Reached] = {}

    def upstream(self, planned: GuestPlan, version: Version) -> Reached:
        """Return whether a guest reaches the internet; True for a family that it has not."""
        key: tuple[Alike, Alike | None, Version, AddressKind] = (alike(planned), None, version, "loopback")
        if key not in self._known:
            own = address(planned, version, "loopback") or address(planned, version, "own")
            self._known[key] = Reached(True) if own is None else self._sent(planned, own, INTERNET[version])
        return self._known[key]

    def between(self, planned: GuestPlan, other: GuestPlan, version: Version, kind: AddressKind) -> Reached:
        """Return whether a guest reaches another's address of a kind; True where one of the two has none.

        Its own address is what it reaches the other's own and the other's pods from.
        """
        key = (alike(planned), alike(other), version, kind)
        if key not in self._known:
            ends = (address(planned, version, kind), address(other, version, kind))
            if kind == "pods":
                ends = (address(planned, version, "own"), ends[1])
            found = Reached(True) if ends[0] is None or ends[1] is None else self._sent(planned, ends[0], ends[1])
            self._known[key] = found
        return self._known[key]

    def _sent(self, planned: GuestPlan, source: Address, target: Address) -> Reached:
        there = self._walk.from_guest(planned, Packet(source, target))
        back = answers(self._walk, there)
        for path in (*there, *back):
            if path.stop is not None:
                return Reached(False, f"{path.stop.rule}: {path.stop.why}")
        return Reached(bool(there))


def alike(planned: GuestPlan) -> Alike:
    """Return what guests have in common whose packets fare the same."""
    guest = planned.guest
    return guest.host, guest.vnet, guest.ipv4 is not None, bool(guest.loopbacks), bool(guest.pods)


def address(planned: GuestPlan, version: Version, kind: AddressKind) -> Address | None:
    """Return a guest's address on its VNet, its loopback, or one of its pods', None if it has none of the family."""
    guest = planned.guest
    if kind == "own":
        return guest.ipv4 if version == 4 else guest.ipv6
    held = guest.loopbacks if kind == "loopback" else guest.pods
    first = next((route for route in held if route.version == version), None)
    return None if first is None else first.network_address + (kind == "pods")

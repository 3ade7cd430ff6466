"""``trace``: a packet from one place to another and its answer, for each family."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from trellis.plan.model import Plan
from trellis.reach import places
from trellis.reach.fabric import FAMILY, NOTHING, VERSIONS, Address, Down, Fabric, Version, holds
from trellis.reach.packets import Packet, Protocol
from trellis.reach.path import Path
from trellis.reach.places import Place
from trellis.reach.underlay import MOST_PATHS
from trellis.reach.walk import Walk


@dataclass(frozen=True, slots=True)
class FamilyTrace:
    """A packet and its answer in one family.

    Attributes:
        there: Its equal paths.
        back: The answer's, from wherever the packet arrived.
        asymmetric: Whether the answer passes other places than the packet.
        mtu: The largest packet that comes through both ways, in bytes; 0 where none does.
    """

    family: Literal["ipv4", "ipv6"]
    source: Address
    target: Address
    there: tuple[Path, ...]
    back: tuple[Path, ...]
    asymmetric: bool
    mtu: int

    @property
    def arrives(self) -> bool:
        """Whether the packet arrives, by each of its equal paths."""
        return bool(self.there) and all(path.arrives for path in self.there)

    @property
    def answered(self) -> bool:
        """Whether the answer comes back as well."""
        return self.arrives and all(path.arrives for path in self.back)


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of packets between two places.

    Attributes:
        missing: Families that one of the two has no address of.
    """

    source: Place
    target: Place
    protocol: Protocol
    port: int
    families: tuple[FamilyTrace, ...]
    missing: tuple[str, ...]

    @property
    def answered(self) -> bool:
        """Whether packets and answers arrive in each family that both places have."""
        return bool(self.families) and all(family.answered for family in self.families)


def trace(
    plan: Plan,
    source: str,
    target: str,
    *,
    versions: tuple[Version, ...] = VERSIONS,
    protocol: Protocol = "icmp",
    port: int = 0,
    down: Down = NOTHING,
) -> Trace:
    """Follow a packet and its answer.

    Args:
        plan: The plan.
        source: A guest, host or edge by name, an address of one, or ``internet``.
        target: The same, or any address.
        versions: The families to look at.
        protocol: What is sent; ``icmp`` is a ping.
        port: Destination port, 1-65535; 0 for ICMP.
        down: What is out of order.

    Raises:
        UnknownPlaceError: If a name is not known.
    """
    return follow(Walk(Fabric(plan, down)), source, target, versions=versions, protocol=protocol, port=port)


def follow(
    walk: Walk,
    source: str,
    target: str,
    *,
    versions: tuple[Version, ...] = VERSIONS,
    protocol: Protocol = "icmp",
    port: int = 0,
) -> Trace:
    """Follow a packet and its answer through one state of a fabric; see `trace`.

    Raises:
        UnknownPlaceError: If a name is not known.
    """
    begin, end = places.source(walk.fabric, source), places.place(walk.fabric, target)
    found, missing = [], []
    named = [address.version for name in (source, target) for address in _address(name)]
    for version in (version for version in versions if not named or version in named):
        ends = addresses(walk.fabric, begin, end, version)
        if ends is None:
            missing.append(FAMILY[version])
            continue
        packet = Packet(*ends, protocol=protocol, port=port)
        there = start(walk, begin, packet)
        found.append(_judged(packet, there, answers(walk, there)))
    return Trace(begin, end, protocol, port, tuple(found), tuple(missing))


def addresses(fabric: Fabric, begin: Place, end: Place, version: Version) -> tuple[Address, Address] | None:
    """Return source and destination of a packet, None where one of the two has no address of the family.

    To its own subnet a guest sends from its own address, as every system does; elsewhere from its loopback.
    """
    if version not in begin.addresses or version not in end.addresses:
        return None
    own, target = begin.addresses[version], end.addresses[version]
    if begin.kind == "guest" and begin.name == begin.owner:
        guest = fabric.guests[begin.name].guest
        first = guest.ipv4 if version == 4 else guest.ipv6
        if first is not None and holds(fabric.vnets[guest.vnet].every_subnet, target):
            own = first
    return own, target


def start(walk: Walk, begin: Place, packet: Packet) -> tuple[Path, ...]:
    """Return the paths of a packet from a place."""
    if begin.kind == "internet":
        edges = list(walk.fabric.edges)
        up = [edge for edge in edges if walk.fabric.is_up(edge)] or edges[:1]
        return tuple(path for edge in up for path in walk.from_internet(edge, packet))
    assert begin.owner is not None
    if begin.owner in walk.fabric.guests:
        return walk.from_guest(walk.fabric.guests[begin.owner], packet)
    return walk.from_table(begin.owner, None, packet)


def answers(walk: Walk, there: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the paths of the answers, one set for each place where a packet arrived."""
    found: dict[tuple[str, str | None], tuple[Path, ...]] = {}
    for path in there:
        if path.end is None:
            continue
        node, zone = path.end
        packet = path.packet
        reply = Packet(packet.target, packet.source, packet.protocol, 0, reply=True)
        if node == "internet":
            node = path.nodes[-2]
            found.setdefault((node, "internet"), walk.from_internet(node, reply))
        elif node in walk.fabric.guests:
            found.setdefault((node, None), walk.from_guest(walk.fabric.guests[node], reply))
        elif node in walk.fabric.hosts or node in walk.fabric.edges:
            found.setdefault((node, zone), walk.from_table(node, zone, reply))
    return tuple(path for paths in found.values() for path in paths)[:MOST_PATHS]


def _judged(packet: Packet, there: tuple[Path, ...], back: tuple[Path, ...]) -> FamilyTrace:
    forward = {path.nodes for path in there}
    backward = {tuple(reversed(path.nodes)) for path in back}
    through = all(path.arrives for path in (*there, *back)) and bool(there)
    mtu = min((path.mtu for path in (*there, *back)), default=0) if through else 0
    return FamilyTrace(
        FAMILY[packet.version],
        packet.source,
        packet.target,
        there,
        back,
        bool(back) and all(path.arrives for path in back) and forward != backward,
        mtu,
    )


def _address(name: str) -> tuple[Address, ...]:
    """Return the address that a name is, if it is one: it leaves no choice of the family."""
    try:
        return (ip_address(name),)
    except ValueError:
        return ()

"""What came of a packet: the hops it took, how it was carried between them, and where it ended or was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.reach.packets import Check, Packet
from trellis.reach.routes import Learned, Passed

Means = Literal["link", "vxlan", "bridge", "vrf", "upstream"]
Place = Literal["guest", "host", "edge", "internet", "station"]


@dataclass(frozen=True, slots=True)
class LinkCrossed:
    """A link of the underlay on the way, and how large an IP packet it carries in bytes."""

    name: str
    source: str
    target: str
    mtu: int
    cost: int


@dataclass(frozen=True, slots=True)
class Vxlan:
    """The VXLAN around a packet.

    Attributes:
        kind: ``L2VNI`` where the guests' subnet is bridged, ``L3VNI`` where the zone routes.
        source: Address of the VTEP that wraps it.
        target: Address of the VTEP that unwraps it.
        outer: Family of the outer header.
        overhead: Bytes that it adds.
    """

    kind: Literal["L2VNI", "L3VNI"]
    vni: int
    source: str
    target: str
    outer: Literal["ipv4", "ipv6"]
    overhead: int


@dataclass(frozen=True, slots=True)
class Onward:
    """How a packet leaves a hop.

    Attributes:
        means: ``link``: as it is; ``vxlan``: wrapped; ``bridge``: within the host; ``vrf``: to another table of it.
        to: The next hop.
        links: The links that it crosses; of several equal paths the first.
        equal_paths: All paths of the same cost, as names of links.
        cost: OSPF's cost of the path.
        mtu: The largest packet that fits here, in bytes.
        needs: What the zone's largest packet takes on the links, VXLAN included; None where nothing is wrapped.
        fits: Whether the zone's largest packet does.
    """

    means: Means
    to: str
    mtu: int
    vxlan: Vxlan | None = None
    links: tuple[LinkCrossed, ...] = ()
    equal_paths: tuple[tuple[str, ...], ...] = ()
    cost: int = 0
    needs: int | None = None
    fits: bool = True


@dataclass(frozen=True, slots=True)
class Hop:
    """One place that a packet passes.

    Attributes:
        table: What decided there: a VRF, ``main``, a VNet's bridge; None at the end.
        prefix: The route that was taken.
        learned: How the router knows it.
        next_hops: Its equal next hops.
        passed: The route-maps that let the route through, from where it began to here.
        checks: The packet filters that the packet met here.
        mtu: The largest packet that comes this far and on from here, in bytes.
    """

    node: str
    place: Place
    table: str | None
    mtu: int
    prefix: str | None = None
    learned: Learned | None = None
    next_hops: tuple[str, ...] = ()
    passed: tuple[Passed, ...] = ()
    checks: tuple[Check, ...] = ()
    onward: Onward | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a packet goes no further.

    Attributes:
        rule: The rule or the fact behind it, in a few words.
        remedy: What would let it pass, where a site may say so.
    """

    node: str
    rule: str
    why: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """One way that a packet takes.

    Attributes:
        stop: None where it arrives.
        end: Where it arrived, and in which zone's VRF, None for the main table.
    """

    packet: Packet
    hops: tuple[Hop, ...]
    stop: Stop | None
    end: tuple[str, str | None] | None

    @property
    def arrives(self) -> bool:
        """Whether the packet arrives."""
        return self.stop is None

    @property
    def mtu(self) -> int:
        """The largest packet that comes through, in bytes."""
        return self.hops[-1].mtu if self.hops else 0

    @property
    def nodes(self) -> tuple[str, ...]:
        """The places that it passes, each once where it stays."""
        found: list[str] = []
        for hop in self.hops:
            if not found or found[-1] != hop.node:
                found.append(hop.node)
        return tuple(found)

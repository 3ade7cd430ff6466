"""What is expected of a fabric at work, host by host, and what is said of an assertion that does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.reach.fabric import Version

Kind = Literal["host", "edge", "daemon", "OSPF", "next hop", "session", "default", "VNI", "guest", "route", "MTU"]
KINDS: tuple[Kind, ...] = (
    "host", "edge", "daemon", "OSPF", "next hop", "session", "default", "VNI", "guest", "route", "MTU",
)  # fmt: skip
"""In the order in which one brings about the next: who mends the first may be rid of the others."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An assertion that does not hold.

    Attributes:
        host: Where it was seen.
        about: What it is about, in a few words.
        rule: The rule that it breaks, R1-R14; empty where none has it.
        why: What follows from it.
        remedy: What to do.
    """

    host: str
    kind: Kind
    about: str
    expected: str
    seen: str
    rule: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Adjacency:
    """A host's end of a link, and the routers that OSPF must be adjacent with there.

    Attributes:
        others: Their router ids, with their names.
    """

    link: str
    interface: str
    version: Version
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How a host reaches another router's loopback.

    Attributes:
        links: Interface and link of each first step of a shortest path.
        cost: OSPF's cost of it.
    """

    node: str
    prefix: str
    version: Version
    links: tuple[tuple[str, str], ...]
    cost: int


@dataclass(frozen=True, slots=True)
class RouterSession:
    """A session with another host or an edge.

    Attributes:
        families: The address families that it must carry.
    """

    node: str
    is_edge: bool
    address: str
    version: Version
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """Where a host's default route must lead: to edges that it has sessions with.

    Attributes:
        vrf: None for the main table.
        edges: Names of the edges by their address.
    """

    vrf: str | None
    version: Version
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Vni:
    """A VNI that must be up.

    Attributes:
        name: Of the VNet (L2) or the zone (L3).
        remotes: The other hosts' VTEPs, with the hosts' names; none for an L3VNI.
        target: Its route target.
        distinguisher: What its route distinguisher begins with.
    """

    number: int
    type: Literal["L2", "L3"]
    name: str
    vrf: str
    vtep: str
    remotes: tuple[tuple[str, str], ...]
    target: str
    distinguisher: str


@dataclass(frozen=True, slots=True)
class Ping:
    """A packet that must come back whole.

    Attributes:
        node: Whose address the target is.
        over: The link, or None where it goes from VTEP to VTEP.
        size: Bytes of the whole IP packet.
    """

    node: str
    over: str | None
    source: str
    target: str
    size: int


@dataclass(frozen=True, slots=True)
class GuestSession:
    """A guest's session, which must be on exactly one of the hosts that it is bound to.

    Attributes:
        starts: The host that the site starts it on.
        loopbacks: What it must announce.
        limits: Most prefixes, of IPv4, then of IPv6.
    """

    name: str
    vrf: str
    address: str
    starts: str
    hosts: tuple[str, ...]
    loopbacks: tuple[str, ...]
    limits: tuple[int, int]


@dataclass(frozen=True, slots=True)
class HostExpected:
    """All that must hold on one host."""

    adjacencies: tuple[Adjacency, ...]
    ways: tuple[Way, ...]
    sessions: tuple[RouterSession, ...]
    defaults: tuple[DefaultRoute, ...]
    vnis: tuple[Vni, ...]
    pings: tuple[Ping, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """All that must hold of a fabric.

    Attributes:
        hosts: By name, in the plan's order.
    """

    hosts: dict[str, HostExpected]
    edges: tuple[str, ...]
    guests: tuple[GuestSession, ...]

"""What follows from a failure, as values: the schema of `trellis what-if --json`.

``schema_version`` rises when a key goes or changes its meaning; keys may be added.  Every list is sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AddressKind = Literal["own", "loopback", "pods"]
FamilyText = Literal["ipv4", "ipv6"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken away; ports as ``LINK:NODE``."""

    hosts: tuple[str, ...]
    edges: tuple[str, ...]
    links: tuple[str, ...]
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnreachableGuest:
    """A guest that nobody elsewhere reaches any more.

    Attributes:
        reason: ``host down``, or ``cut off``: its host runs, apart from the larger part of the fabric.
        may_start_on: The hosts of its placement that are up and in the larger part.
    """

    guest: str
    host: str
    zone: str
    cluster: str | None
    reason: Literal["host down", "cut off"]
    may_start_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LostUpstream:
    """A guest that runs and no longer reaches the internet."""

    guest: str
    host: str
    family: FamilyText
    why: str


@dataclass(frozen=True, slots=True)
class Separated:
    """Two hosts whose guests of a zone no longer reach each other, though both run in the larger part.

    Guests of one host may lose each other as well: ``a`` and ``b`` are the same then.

    Attributes:
        addresses: ``loopback`` where routed addresses are out of reach, ``own`` where those on the VNet are, ``pods``
            where the pods of a cluster's nodes are.
    """

    zone: str
    a: str
    b: str
    family: FamilyText
    addresses: AddressKind
    why: str


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What is left of a cluster that lost nodes.

    Attributes:
        control_planes: How many it has.
        control_planes_left: The most that run and still reach each other.
        keeps_quorum: Whether those are a majority.
    """

    cluster: str
    nodes: int
    nodes_lost: tuple[str, ...]
    control_planes: int
    control_planes_left: int
    keeps_quorum: bool


@dataclass(frozen=True, slots=True)
class LostSession:
    """A session that goes; ``link`` of an OSPF adjacency, for which IPv4 is OSPFv2 and IPv6 is OSPFv3."""

    kind: Literal["edge", "guest", "ibgp", "ospf"]
    a: str
    b: str
    family: FamilyText
    link: str | None


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Something of which there are fewer: ``what`` ``who`` has.

    Attributes:
        what: ``edges`` with which a host has sessions, ``links`` of a router, ``hosts`` of a zone, hosts of a guest's
            ``placement``, ``route reflectors`` of the fabric.
    """

    what: Literal["edges", "links", "hosts", "placement", "route reflectors"]
    who: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class MovedPath:
    """Underlay paths between two routers that run, each path as names of links.

    Attributes:
        onto: Links that carry the traffic and did not before.
        onto_segment: Whether one of them is a shared segment, such as management.
    """

    a: str
    b: str
    before: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...]
    cost_before: int
    cost_after: int
    onto: tuple[str, ...]
    onto_segment: bool


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """The next hops of a host's default route: edges, or other hosts where it has no session with an edge left."""

    host: str
    family: FamilyText
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EdgeRoute:
    """A tenant route at an edge that runs, and the hosts by which it goes; none after means that it is withdrawn.

    Services, and pods without a block of their own, are not listed: who announces them is not the plan's to know.
    """

    edge: str
    prefix: str
    family: FamilyText
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consequences:
    """All that follows from a failure."""

    schema_version: int
    down: Taken
    unreachable_guests: tuple[UnreachableGuest, ...]
    lost_upstream: tuple[LostUpstream, ...]
    separated: tuple[Separated, ...]
    clusters: tuple[ClusterState, ...]
    zones_without_hosts: tuple[str, ...]
    partitions: tuple[tuple[str, ...], ...]
    lost_sessions: tuple[LostSession, ...]
    lost_redundancy: tuple[Redundancy, ...]
    moved_paths: tuple[MovedPath, ...]
    default_routes: tuple[DefaultRoute, ...]
    edge_routes: tuple[EdgeRoute, ...]

    @property
    def harmless(self) -> bool:
        """Whether everybody who is left reaches everybody who is left, and nobody is lost."""
        lost = (self.unreachable_guests, self.lost_upstream, self.separated, self.zones_without_hosts)
        return not any(lost) and all(cluster.keeps_quorum for cluster in self.clusters)

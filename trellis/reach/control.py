"""Which sessions of the control plane are up, and who therefore learns routes from whom.

A session between loopbacks needs a path in the underlay; one with an edge, no longer than its TTL.  Whom a host
speaks with is read from its planned sessions, not derived a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from trellis.plan.model import HostPlan
from trellis.plan.rules.speakers import neighbours
from trellis.reach.fabric import FAMILY, VERSIONS, Fabric, Version, address_of
from trellis.reach.underlay import Underlay

SessionKind = Literal["edge", "guest", "ibgp", "ospf"]


@dataclass(frozen=True, slots=True, order=True)
class SessionOf:
    """A session between two speakers, sorted by kind, family and names.

    Attributes:
        a: A host, or the guest of a guest's session.
        b: The other host, the edge, or the guest's host.
        family: Of the packets that carry it; a guest's IPv6 session carries the routes of both.
        link: The link of an OSPF adjacency.
    """

    kind: SessionKind
    a: str
    b: str
    family: Literal["ipv4", "ipv6"]
    link: str | None = None


class Control:
    """The control plane of a fabric.

    Args:
        fabric: The fabric, with what is down.
        underlay: Its shortest paths.
    """

    def __init__(self, fabric: Fabric, underlay: Underlay) -> None:
        self._fabric = fabric
        self._underlay = underlay
        self._evpn: dict[tuple[str, str], bool] = {}

    @cached_property
    def _peers(self) -> dict[str, dict[str, int | None]]:
        """Host -> host or edge that it speaks with -> TTL of the session, None without limit."""
        owner = self._fabric.routers_by_address
        found: dict[str, dict[str, int | None]] = {}
        for host in self._fabric.plan.hosts:
            known: dict[str, int | None] = {}
            for session in neighbours(host.bgp[0]):
                peer = owner.get(address_of(session.name))
                if peer is not None:
                    known[peer[0]] = session.ebgp_hops
            found[host.name] = known
        return found

    @cached_property
    def _reflectors(self) -> tuple[str, ...]:
        return tuple(host.name for host in self._fabric.plan.hosts if _reflects(host))

    def edge_session(self, host: str, edge: str) -> bool:
        """Return whether a host's sessions with an edge are up."""
        if edge not in self._peers.get(host, {}):
            return False
        longest = self._peers[host][edge]
        hops = self._underlay.hops(host, edge)
        return hops is not None and (longest is None or hops <= longest)

    def mesh_session(self, host: str, other: str) -> bool:
        """Return whether the iBGP sessions between two hosts are up."""
        known = other in self._peers.get(host, {}) and other in self._fabric.hosts
        return known and self._underlay.cost(host, other) is not None

    def mesh_peers(self, host: str) -> tuple[str, ...]:
        """Return the hosts with which a host has iBGP sessions that are up."""
        return tuple(peer for peer in self._peers.get(host, {}) if self.mesh_session(host, peer))

    def reflects(self, host: str) -> bool:
        """Return whether a host passes the routes of one iBGP peer on to another."""
        return host in self._reflectors

    def evpn(self, host: str, other: str) -> bool:
        """Return whether a host learns another's EVPN routes, directly or by a route reflector."""
        key = (host, other) if host < other else (other, host)
        if key not in self._evpn:
            self._evpn[key] = self.mesh_session(host, other) or any(
                self.mesh_session(host, by) and self.mesh_session(by, other) for by in self._reflectors
            )
        return self._evpn[key]

    def edges_of(self, host: str) -> tuple[str, ...]:
        """Return the edges with which a host has sessions that are up."""
        return tuple(edge for edge in self._fabric.edges if self.edge_session(host, edge))

    def sessions(self) -> frozenset[SessionOf]:
        """Return every session that is up."""
        return frozenset((*self._routers(), *self._guests(), *self._adjacencies()))

    def _routers(self) -> Iterator[SessionOf]:
        for host in self._fabric.hosts:
            for peer in self._peers[host]:
                for version in VERSIONS:
                    if peer in self._fabric.edges and self.edge_session(host, peer):
                        yield SessionOf("edge", host, peer, FAMILY[version])
                    elif host < peer and self.mesh_session(host, peer):
                        yield SessionOf("ibgp", host, peer, FAMILY[version])

    def _guests(self) -> Iterator[SessionOf]:
        for planned in self._fabric.plan.guests:
            guest = planned.guest
            if self._fabric.is_up(guest.host) and has_session(self._fabric, guest.host, guest.zone, str(guest.ipv6)):
                yield SessionOf("guest", guest.name, guest.host, "ipv6")

    def _adjacencies(self) -> Iterator[SessionOf]:
        for link in self._fabric.links:
            ends = self._underlay.adjacent(link)
            for position, end in enumerate(ends):
                for other in ends[position + 1 :]:
                    for version in VERSIONS:
                        yield SessionOf("ospf", min(end, other), max(end, other), FAMILY[version], link)


def has_session(fabric: Fabric, host: str, zone: str, address: str) -> bool:
    """Return whether a host has a neighbour of that address in a zone's VRF."""
    return address in fabric.neighbours.get((host, fabric.zones[zone].vrf), ())


def unicast_family(version: Version) -> str:
    """Return the name of a unicast address family, as the plan has it."""
    return f"{FAMILY[version]} unicast"


def _reflects(host: HostPlan) -> bool:
    return any(peer.route_reflector_client for family in host.bgp[0].families for peer in family.peers)

"""The neighbours of a BGP instance with everything that their peer-group gives them, as FRR resolves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from trellis.plan.model import BgpInstance, Family, FamilyPeer, HostPlan, Plan, Session


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbour in one address family.

    Attributes:
        session: Its session, inherited values filled in.
        family: Name of the address family.
        route_map_in: The filter of what it announces; None is none.
        route_map_out: The filter of what it is told; None is none.
        maximum_prefixes: Its limit.
        path_list_in: The AS-path list of what it announces.
    """

    session: Session
    family: str
    route_map_in: str | None
    route_map_out: str | None
    maximum_prefixes: int | None
    path_list_in: str | None = None


def neighbours(instance: BgpInstance) -> tuple[Session, ...]:
    """Return the neighbours of ``instance``, each with what its group sets and it does not."""
    groups = {session.name: session for session in instance.sessions if session.is_group}
    return tuple(_filled(session, groups) for session in instance.sessions if not session.is_group)


def active(instance: BgpInstance, family: Family) -> Iterator[Neighbour]:
    """Yield the neighbours that exchange routes of ``family``, filters resolved through their groups."""
    peers = {peer.name: peer for peer in family.peers}
    none = FamilyPeer("")
    for session in neighbours(instance):
        own, group = peers.get(session.name, none), peers.get(session.group or "", none)
        if own.activate or group.activate:
            yield _neighbour(session, family, own, group)


def listening(host: HostPlan) -> Iterator[tuple[BgpInstance, str, Neighbour]]:
    """Yield each prefix whose addresses a host accepts as peers: who listens, the prefix, and what its peers get.

    Args:
        host: A host of the plan; each of its prefixes comes once per family.
    """
    for instance in host.bgp:
        groups = {session.name: session for session in instance.sessions if session.is_group}
        for family in instance.families:
            peers = {peer.name: peer for peer in family.peers}
            for prefix, name in instance.listens:
                if name in groups and name in peers:
                    yield instance, prefix, _neighbour(groups[name], family, peers[name], peers[name])


def _neighbour(session: Session, family: Family, own: FamilyPeer, group: FamilyPeer) -> Neighbour:
    return Neighbour(
        session,
        family.name,
        own.route_map_in or group.route_map_in,
        own.route_map_out or group.route_map_out,
        own.maximum_prefixes or group.maximum_prefixes,
        own.path_list_in or group.path_list_in,
    )


def unicast(instance: BgpInstance) -> Iterator[Neighbour]:
    """Yield the neighbours of the unicast families."""
    for family in instance.families:
        if family.name != "l2vpn evpn":
            yield from active(instance, family)


def edges(plan: Plan, host: HostPlan) -> list[Neighbour]:
    """Return the edges that ``host`` exchanges routes with, once per family."""
    return [found for found in unicast(host.bgp[0]) if found.session.remote_as != plan.asn]


def mesh(plan: Plan, host: HostPlan) -> list[Neighbour]:
    """Return the other hosts that ``host`` exchanges routes with, once per family."""
    return [found for found in unicast(host.bgp[0]) if found.session.remote_as == plan.asn]


def guests(host: HostPlan) -> list[Neighbour]:
    """Return the declared guests that ``host`` may exchange routes with, once per family."""
    return [found for instance in vrf_instances(host) for found in unicast(instance)]


def guest_side(host: HostPlan) -> list[Neighbour]:
    """Return all that guests may exchange routes by, once per family: declared ones, and groups of open VNets."""
    return [*guests(host), *(found for _, _, found in listening(host))]


def vrf_instances(host: HostPlan) -> tuple[BgpInstance, ...]:
    """Return the BGP instances of the host's VRFs."""
    return tuple(instance for instance in host.bgp if instance.vrf is not None)


def _filled(session: Session, groups: dict[str, Session]) -> Session:
    group = groups.get(session.group or "")
    if group is None:
        return session
    return replace(
        session,
        remote_as=session.remote_as or group.remote_as,
        bfd_profile=session.bfd_profile or group.bfd_profile,
        update_source=session.update_source or group.update_source,
        passive=session.passive or group.passive,
        extended_nexthop=session.extended_nexthop or group.extended_nexthop,
        connect_s=session.connect_s or group.connect_s,
        md5=session.md5 or group.md5,
    )

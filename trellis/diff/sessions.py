"""Sessions that come, go or behave otherwise, host by host, and which of those that stay are reset by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from trellis.diff.doors import anybody_on, party_of
from trellis.diff.filters import in_order
from trellis.diff.model import SessionChange
from trellis.diff.nouns import Attributes, signed, values_of, what_of
from trellis.diff.resets import Effect, effect
from trellis.plan import names
from trellis.plan.model import BgpInstance, Family, FamilyPeer, HostPlan, Plan, Session
from trellis.plan.rules.speakers import neighbours


@dataclass(frozen=True, slots=True)
class _Side:
    """A host's side of a session: with whom, and how."""

    party: str
    attributes: Attributes


_Key = tuple[str | None, str]
"""VRF and address, or VRF and subnet."""


_ITS_HOSTS = ("router id", "update source")
"""What the host gives a session of its own: sessions that come or go are alike without it."""


def session_changes(before: Plan, after: Plan) -> tuple[SessionChange, ...]:
    """Return what becomes of sessions, alike hosts together.

    Args:
        before: The plan as it was.
        after: The plan as it will be.
    """
    was, will = ({host.name: host for host in plan.hosts} for plan in (before, after))
    found: dict[SessionChange, list[str]] = {}
    for name in in_order(before, after):
        old, new = (_sessions(host) if host is not None else {} for host in (was.get(name), will.get(name)))
        for key in {**old, **new}:
            change = _change(key, old.get(key), new.get(key))
            if change is not None:
                found.setdefault(change, []).append(name)
    together = (replace(change, hosts=tuple(hosts)) for change, hosts in found.items())
    return tuple(sorted(together, key=lambda change: (change.vrf or "", change.party, change.peer, change.hosts)))


def _change(key: _Key, old: _Side | None, new: _Side | None) -> SessionChange | None:
    stays = old is not None and new is not None
    values = values_of(old.attributes if old else {}, new.attributes if new else {})
    if not stays:
        values = tuple(value for value in values if value.name not in _ITS_HOSTS)
    elif not values:
        return None
    effects = {value.name: effect(value) for value in values} if stays else {}
    party = " / ".join(sorted({side.party for side in (old, new) if side is not None}))
    return SessionChange(
        hosts=(),
        vrf=key[0],
        peer=key[1],
        party=party,
        what=what_of(old is not None, new is not None),
        values=values,
        resets=tuple(name for name, found in effects.items() if found is Effect.RESETS),
        unmeasured=tuple(name for name, found in effects.items() if found is Effect.UNMEASURED),
    )


def _sessions(host: HostPlan) -> dict[_Key, _Side]:
    found: dict[_Key, _Side] = {}
    for instance in host.bgp:
        groups = {session.name: session for session in instance.sessions if session.is_group}
        for session in neighbours(instance):
            party = party_of(instance, session.description, session.remote_as)
            found[instance.vrf, session.name] = _Side(party, dict(_attributes(host, instance, session)))
        for prefix, name in instance.listens:
            own = dict(_attributes(host, instance, replace(groups[name], group=name)))
            found[instance.vrf, prefix] = _Side(anybody_on(name), own)
    return found


def _attributes(host: HostPlan, instance: BgpInstance, session: Session) -> Iterator[tuple[str, str]]:
    """Yield what FRR is told of a session; a name that ``trellis.diff.resets`` does not know is refused there."""
    yield "remote AS", "any other" if session.external else str(session.remote_as)
    yield "local AS", str(instance.asn)
    yield "router id", host.ipv4
    yield "BFD", _bfd(host, session)
    yield "MD5", signed(session.md5)
    yield "keepalive and hold time", f"{instance.keepalive_s} s, {instance.hold_time_s} s"
    yield "graceful restart", "refused" if session.graceful_restart_disabled else "allowed"
    if session.update_source:
        yield "update source", session.update_source
    if session.ebgp_hops:
        yield "multihop", f"{session.ebgp_hops} hops"
    if session.connect_s:
        yield "connect timer", f"{session.connect_s} s"
    yield "passive", "yes" if session.passive else "no"
    yield "extended next hop", "yes" if session.extended_nexthop else "no"
    if session.group:
        yield "peer-group", session.group
    if session.description:
        yield "description", session.description
    for family in instance.families:
        yield from _in_family(instance, family, session)


def _bfd(host: HostPlan, session: Session) -> str:
    profile = next((found for found in host.bfd_profiles if found.name == session.bfd_profile), None)
    return f"{profile.interval_ms} ms x {profile.multiplier}" if profile is not None else "off"


def _in_family(instance: BgpInstance, family: Family, session: Session) -> Iterator[tuple[str, str]]:
    peers: Mapping[str, FamilyPeer] = {peer.name: peer for peer in family.peers}
    none = FamilyPeer("")
    own, group = peers.get(session.name, none), peers.get(session.group or "", none)
    # On a host of Proxmox's this family of the mesh is its own to write: see `trellis.plan.sessions`.
    by_proxmox = family.generated and session.group == names.VTEP_GROUP
    if not (own.activate or group.activate or by_proxmox):
        return
    yield family.name, "active"
    limit = own.maximum_prefixes or group.maximum_prefixes
    if limit:
        yield f"{family.name}: most prefixes", str(limit)
    if own.penalty_min or group.penalty_min:
        yield f"{family.name}: penalty", f"{own.penalty_min or group.penalty_min} min"
    for name, route_map in (
        ("filter in", own.route_map_in or group.route_map_in),
        ("filter out", own.route_map_out or group.route_map_out),
        ("AS paths in", own.path_list_in or group.path_list_in),
    ):
        if route_map:
            yield f"{family.name}: {name}", route_map
    for name, said in (
        ("route reflector client", own.route_reflector_client or group.route_reflector_client),
        ("next hop self", own.next_hop_self or group.next_hop_self),
        ("soft reconfiguration", own.soft_inbound or group.soft_inbound),
    ):
        if said:
            yield f"{family.name}: {name}", "yes"

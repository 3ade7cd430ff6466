"""Ways to break a plan on purpose, so that a test can show that a rule notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from trellis.plan import HostPlan, Plan
from trellis.plan.filter_model import RouteMapEntry
from trellis.plan.model import BgpInstance, Family

Named = TypeVar("Named")


def on_every_host(plan: Plan, change: Callable[[HostPlan], HostPlan]) -> Plan:
    """Return the plan with each host changed."""
    return replace(plan, hosts=tuple(map(change, plan.hosts)))


def entries(plan: Plan, route_map: str, change: Callable[[RouteMapEntry], RouteMapEntry | None]) -> Plan:
    """Return the plan with the entries of the route-maps of that name (or prefix of it) changed, None taken out."""

    def of_host(host: HostPlan) -> HostPlan:
        maps = tuple(
            replace(found, entries=tuple(new for entry in found.entries if (new := change(entry)) is not None))
            if found.name.startswith(route_map)
            else found
            for found in host.policy.route_maps
        )
        return replace(host, policy=replace(host.policy, route_maps=maps))

    return on_every_host(plan, of_host)


def prefix_entries(plan: Plan, prefix_list: str, **changes: Any) -> Plan:
    """Return the plan with the entries of that prefix-list changed."""

    def of_host(host: HostPlan) -> HostPlan:
        lists = tuple(
            replace(found, entries=tuple(replace(entry, **changes) for entry in found.entries))
            if found.name == prefix_list
            else found
            for found in host.policy.prefix_lists
        )
        return replace(host, policy=replace(host.policy, prefix_lists=lists))

    return on_every_host(plan, of_host)


def instances(plan: Plan, vrf: str | None, change: Callable[[BgpInstance], BgpInstance]) -> Plan:
    """Return the plan with the BGP instances of that VRF changed (None: the global ones)."""

    def of_host(host: HostPlan) -> HostPlan:
        return replace(host, bgp=tuple(change(found) if found.vrf == vrf else found for found in host.bgp))

    return on_every_host(plan, of_host)


def sessions(plan: Plan, vrf: str | None, name: str, **changes: Any) -> Plan:
    """Return the plan with the sessions of that name changed."""

    def of_instance(instance: BgpInstance) -> BgpInstance:
        changed = tuple(
            replace(session, **changes) if session.name == name else session for session in instance.sessions
        )
        assert changed != instance.sessions or not any(session.name == name for session in instance.sessions)
        return replace(instance, sessions=changed)

    return instances(plan, vrf, of_instance)


def families(plan: Plan, vrf: str | None, **changes: Any) -> Plan:
    """Return the plan with the unicast families of that VRF changed."""

    def of_family(family: Family) -> Family:
        return family if family.name == "l2vpn evpn" else replace(family, **changes)

    return instances(plan, vrf, lambda found: replace(found, families=tuple(map(of_family, found.families))))


def peers(plan: Plan, vrf: str | None, name: str, **changes: Any) -> Plan:
    """Return the plan with that neighbour or group changed in every family of that VRF."""

    def of_family(family: Family) -> Family:
        changed = tuple(replace(peer, **changes) if peer.name == name else peer for peer in family.peers)
        return replace(family, peers=changed)

    return instances(plan, vrf, lambda found: replace(found, families=tuple(map(of_family, found.families))))

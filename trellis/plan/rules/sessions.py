"""R9, R13 and the plan's part of R14: where sessions start from, who sends advertisements, what is defined.

A virtual address became the source of BGP in the field and only one session came up (I13); an SDN subnet's router
advertisements gave nodes several addresses (I14).
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.plan.model import HostPlan, Plan
from trellis.plan.rules.filters import Filters
from trellis.plan.rules.speakers import guests, listening, neighbours, unicast, vrf_instances
from trellis.plan.rules.violation import Violation


def r9_primary_source(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield each session that does not start from the host's own loopback, or from the gateway that a guest knows."""
    del plan
    for session in neighbours(host.bgp[0]):
        own = host.ipv6 if ":" in session.name else host.ipv4
        if session.update_source != own:
            what = f"the session with {session.name} starts from {session.update_source or 'whatever address is first'}"
            yield Violation("R9", host.name, what, f"its other end expects {own}")
    for instance in vrf_instances(host):
        for session in neighbours(instance):
            if session.update_source is not None:
                what = f"the session with guest {session.name} starts from {session.update_source}"
                yield Violation("R9", host.name, what, "guests speak with the anycast gateway of their VNet")


def r13_no_advertisements(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where the host takes router advertisements for its own, or sends some that nobody asked for."""
    yield from _advertised(plan, host)
    silent = {found.name: found.prefixes for found in host.silenced}
    silent |= {told.vnet: tuple(p.prefix for p in told.prefixes) for told in host.advertised if told.sender == "frr"}
    offered = {vnet.name: {subnet for subnet in vnet.every_subnet if ":" in subnet} for vnet in plan.vnets}
    on_vnet = {str(planned.guest.ipv6): planned.guest.vnet for planned in plan.guests}
    spoken = {found.session.name for found in guests(host) if found.session.extended_nexthop}
    heard = {prefix for _, prefix, found in listening(host) if found.session.extended_nexthop}
    spoken_on = {on_vnet[address] for address in spoken & on_vnet.keys()}
    for vnet_name in sorted(spoken_on | {vnet.name for vnet in plan.vnets if heard & set(vnet.subnets)}):
        if offered[vnet_name] - set(silent.get(vnet_name, ())):
            what = f"FRR advertises routers on {vnet_name}, for its guests' sessions carry IPv4 over IPv6"
            yield Violation(
                "R13", host.name, what, "guests would make addresses and take a default that nobody gave them"
            )
    settings = dict(host.sysctls)
    zones = {vrf.zone for vrf in host.vrfs}
    for vnet in plan.vnets:
        key = f"net.ipv6.conf.{vnet.name}.accept_ra"
        if vnet.zone in zones and settings.get(key) != "0":
            what = f"{key} is {settings.get(key, 'not set')}"
            yield Violation(
                "R13", host.name, what, "a guest that advertises itself as router would give hosts a default"
            )


def _advertised(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield where a host advertises unasked, beside another sender, or something that does not hold."""
    asked = {vnet.name: vnet for vnet in plan.vnets if vnet.advertisement is not None}
    by_session = {found.name for found in host.silenced} | {vnet.name for vnet in plan.vnets if vnet.listens}
    seen: set[str] = set()
    for told in host.advertised:
        wanted = asked.get(told.vnet)
        if wanted is None or told != wanted.advertisement or told.vnet in seen:
            what = f"it advertises on {told.vnet} what the site does not ask for"
            yield Violation("R13", host.name, what, "guests would hear hosts contradict each other")
            continue
        seen.add(told.vnet)
        if (told.sender == "frr") != (told.vnet in by_session):
            what = f"{told.sender} advertises on {told.vnet}"
            yield Violation(
                "R13", host.name, what, "FRR does where guests are heard, and there alone: guests would hear two"
            )
        leaving = {subnet.prefix for subnet in wanted.delegated if subnet.deprecated}
        if {found.prefix for found in told.prefixes if found.preferred_s == 0} != leaving:
            what = f"what guests of {told.vnet} are to leave is not what is deprecated"
            yield Violation("R13", host.name, what, "they would open connections from an address that goes")
        if min((p.preferred_s for p in told.prefixes if not p.deprecated), default=told.router_lifetime_s) < (
            3 * told.max_interval_s
        ):
            what = f"a lifetime on {told.vnet} is shorter than three intervals of {told.max_interval_s} s"
            yield Violation("R13", host.name, what, "two lost advertisements would take guests their addresses")


def r14_all_defined(plan: Plan, host: HostPlan) -> Iterator[Violation]:
    """Yield each route-map, list or BFD profile that is referred to and does not exist: FRR says nothing of it."""
    del plan
    filters = Filters(host.policy)
    used = {
        name for instance in host.bgp for n in unicast(instance) for name in (n.route_map_in, n.route_map_out) if name
    }
    for instance in host.bgp:
        for family in instance.families:
            used |= {name for name in (family.import_map, family.redistribute_connected) if name}
            used |= {route_map for _, route_map in family.advertise}
    peers = [peer for instance in host.bgp for family in instance.families for peer in family.peers]
    used |= {name for peer in peers for name in (peer.route_map_in, peer.route_map_out) if name}
    missing = [f"route-map {name}" for name in sorted(used) if not filters.defines(name)]
    profiles = {profile.name for profile in host.bfd_profiles}
    wanted = {session.bfd_profile for instance in host.bgp for session in instance.sessions if session.bfd_profile}
    wanted |= {interface.bfd_profile for interface in host.interfaces if interface.bfd_profile}
    missing += [f"BFD profile {name}" for name in sorted(wanted - profiles)]
    lists = {found.name for found in host.policy.as_path_lists}
    missing += [f"AS-path list {name}" for name in sorted({peer.path_list_in or "" for peer in peers} - lists - {""})]
    for name in (*missing, *filters.undefined()):
        yield Violation("R14", host.name, f"{name} is used and not defined", "FRR takes it without a word")

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
    """Yield each VNet on which the host would take router advertisements for its own, or have FRR send some."""
    silent = {found.name: found.prefixes for found in host.silenced}
    offered = {vnet.name: {subnet for subnet in vnet.subnets if ":" in subnet} for vnet in plan.vnets}
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

"""What the floor reads: a plan as JSON values, with what the product's renderer would still look up.

Made before anything is measured.  A new file in the bundles needs its data here and its lines in
``trellis/bench/templates``; until then the measurement fails, because both sides must write the same bytes.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from ipaddress import IPv6Address
from typing import Any

from trellis.plan.filter_model import Policy
from trellis.plan.model import BgpInstance, HostPlan, Plan
from trellis.pve import pve_version
from trellis.render.defaults import DEFAULTS, bgp_lines

Data = dict[str, Any]


def floor_input(plan: Plan) -> Data:
    """Return the floor's input for ``plan``.

    Args:
        plan: A plan whose hosts are all of kind ``pve``, of one release that merges verbatim.
    """
    policies: dict[int, Policy] = {}
    for host in plan.hosts:
        policies.setdefault(id(host.policy), host.policy)
    names = {key: f"policy{number}" for number, key in enumerate(policies)}
    return {
        "proxmox": _proxmox(plan),
        "firewall": _firewall(plan),
        "policies": {names[key]: _plain(policy) for key, policy in policies.items()},
        "hosts": [{**_host(plan, host), "policy": names[id(host.policy)]} for host in plan.hosts],
    }


def _host(plan: Plan, host: HostPlan) -> Data:
    default = DEFAULTS[host.frr_version]
    kept = ("name", "kind", "ipv4", "ipv6", "interfaces", "silenced", "vrfs", "sysctls", "daemons")
    return {
        **{name: _plain(getattr(host, name)) for name in kept},
        "bfd_profiles": [
            {
                "name": profile.name,
                "passive": profile.passive,
                "multiplier": profile.multiplier if profile.multiplier != default.bfd_multiplier else None,
                "interval_ms": profile.interval_ms if profile.interval_ms != default.bfd_interval_ms else None,
            }
            for profile in host.bfd_profiles
        ],
        "bgp": [_bgp(host, instance) for instance in host.bgp],
        "ports": _ports(plan, host),
        "loopback_interface": next(interface.name for interface in host.interfaces if interface.passive),
    }


def _bgp(host: HostPlan, instance: BgpInstance) -> Data:
    return {
        **_plain(instance),
        "always_printed": bgp_lines(host),
        "timers": (instance.keepalive_s, instance.hold_time_s) != DEFAULTS[host.frr_version].timers_s,
    }


def _proxmox(plan: Plan) -> Data:
    controller = plan.sdn.controller if plan.sdn is not None else None
    version = pve_version(plan.hosts[0].pve_version or "")
    return {
        "frr_header": version.frr_header,
        "peer_group": version.peer_group,
        "route_map_in": version.route_map_in,
        "route_map_out": version.route_map_out,
        "peers": controller.peers if controller is not None else (),
    }


def _firewall(plan: Plan) -> Data:
    """Return what every host's filters are made of: all hosts carry all zones, whose guests all may speak BGP."""
    firewall = plan.firewall
    tenants = [prefix for zone in firewall.zones for prefix in zone.prefixes]
    named = [("tenants", tenants), ("infrastructure", firewall.infrastructure)]
    named += [(f"zone_{zone.zone}", zone.prefixes) for zone in firewall.zones]
    return {
        "sets": [
            {
                "name": f"{name}_{keyword}",
                "type": kind,
                "elements": [prefix for prefix in prefixes if (":" in prefix) == (keyword == "ip6")],
            }
            for name, prefixes in named
            for keyword, kind in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr"))
        ],
        "zones": [zone.zone for zone in firewall.zones],
        "vnets": [
            {
                "name": vnet.name,
                "zone": vnet.zone,
                "subnet": vnet.subnets[0],
                "gateway": vnet.gateways[0],
                "penalty_min": vnet.peering.penalty_min,
                "most_kb": 128 + vnet.peering.max_prefixes,
            }
            for vnet in plan.vnets
            if vnet.peering is not None
        ],
    }


def _ports(plan: Plan, host: HostPlan) -> Data:
    """Return what the host's guests may send: their addresses by MAC, none tied to a port by name."""
    guests = [planned.guest for planned in plan.guests if host.name in planned.hosts]
    local = {g.mac: _link_local(g.mac) for g in guests}
    by_mac = {g.mac: (str(g.ipv6), *([str(g.ipv4)] if g.ipv4 else []), str(local[g.mac])) for g in guests}
    loopbacks = {g.mac: tuple(str(prefix.network_address) for prefix in g.loopbacks) for g in guests}
    ranges = [range_ for vnet in plan.vnets for range_ in (*vnet.gateways, *vnet.loopbacks)]
    owned = [*ranges, *(address for own in by_mac.values() for address in own)]
    subnets = [subnet for vnet in plan.vnets for subnet in vnet.subnets]
    pairs = [(mac, address) for mac, own in by_mac.items() for address in (*own, *loopbacks[mac])]
    sets = []
    for name, values in (("owned", owned), ("subnets", subnets)):
        for keyword, kind in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr")):
            elements = [value for value in values if (":" in value) == (keyword == "ip6")]
            sets.append({"name": f"{name}_{keyword}", "type": kind, "elements": elements, "interval": True})
    for keyword, kind in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr")):
        elements = [f"{mac} . {value}" for mac, value in pairs if (":" in value) == (keyword == "ip6")]
        sets.append(
            {"name": f"pairs_{keyword}", "type": f"ether_addr . {kind}", "elements": elements, "interval": True}
        )
    sets.append({"name": "macs", "type": "ether_addr", "elements": list(by_mac), "interval": False})
    gateways = [gateway for vnet in plan.vnets for gateway in vnet.gateways if ":" in gateway]
    neighbours = [{"number": hex(int(IPv6Address(gateway))), "mac": None} for gateway in gateways]
    neighbours += [{"number": hex(int(own)), "mac": g.mac} for g in guests for own in (g.ipv6, local[g.mac])]
    quoted = ", ".join(f'"{vnet.name}"' for vnet in plan.vnets)
    bridges = f"{{ {quoted} }}"
    return {"sets": sets, "neighbours": neighbours, "bridges": bridges}


def _link_local(mac: str) -> IPv6Address:
    first, *others = bytes.fromhex(mac.replace(":", ""))
    return IPv6Address(bytes((0xFE, 0x80, *[0] * 6, first ^ 2, *others[:2], 0xFF, 0xFE, *others[2:])))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value

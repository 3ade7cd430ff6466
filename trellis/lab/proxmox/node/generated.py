"""FRR statements that Proxmox itself generates for an EVPN controller and its zones.

The statements are the same in all releases that are played here; where they end up in the file differs
(`stripped`, `verbatim`). Not played: BGP and IS-IS controllers, fabrics, local routing of exit nodes and
source NAT; the API refuses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .configuration import RunningConfig, Section, Underlay, numeric_order, split_list

MAP_IN = "MAP_VTEP_IN"
MAP_OUT = "MAP_VTEP_OUT"
DEFAULT_VRF = "default"


class MergeError(Exception):
    """Proxmox's generator fails on this frr.conf.local: the node's frr.conf stays as it was."""


@dataclass
class Router:
    """A `router bgp` block.

    Args:
        asn: As text, as it is compared with what frr.conf.local says.
        vrf: The VRF device, or `default`.
        lines: Statements of the router itself.
        families: By name, for example `l2vpn evpn`, each with its statements.
    """

    asn: str
    vrf: str
    lines: list[str] = field(default_factory=list)
    families: dict[str, list[str]] = field(default_factory=dict)

    @property
    def head(self) -> str:
        """What follows the word `router`."""
        return f"bgp {self.asn}" if self.vrf == DEFAULT_VRF else f"bgp {self.asn} vrf {self.vrf}"

    def family(self, name: str) -> list[str]:
        """The statements of an address family, which begins to exist by this."""
        return self.families.setdefault(name, [])


@dataclass(frozen=True)
class MapEntry:
    """An entry of a route-map that Proxmox generates; its number comes from its place.

    Args:
        action: `permit` or `deny`.
        lines: What it matches and sets.
    """

    action: str
    lines: tuple[str, ...] = ()


@dataclass
class Generated:
    """All that Proxmox generates, before frr.conf.local.

    Args:
        vrfs: Statements of each `vrf` block, by device.
        routers: By VRF device or `default`.
        prefix_lists: By family word (`ip`, `ipv6`) and name: sequence number and rule.
        maps: Route-map entries by name.
    """

    vrfs: dict[str, list[str]] = field(default_factory=dict)
    routers: dict[str, Router] = field(default_factory=dict)
    prefix_lists: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    maps: dict[str, list[MapEntry]] = field(default_factory=dict)


def generate(config: RunningConfig, node: str, underlays: dict[str, Underlay]) -> Generated:
    """What Proxmox generates on a node.

    Zones are rendered on every node, also on those that the zone's `nodes` leave out: Proxmox limits
    only the devices to them.

    Args:
        config: The committed configuration.
        node: This node's name.
        underlays: By controller, where this node stands.
    """
    out = Generated()
    for key, controller in sorted(config.controllers.items()):
        _controller(out, controller, underlays[key])
    for key, zone in sorted(config.zones.items()):
        if zone.get("controller") in config.controllers:
            _zone(out, config, node, key, underlays[zone["controller"]])
    return out


def _controller(out: Generated, controller: Section, underlay: Underlay) -> None:
    asn = str(controller["asn"])
    router = out.routers.setdefault(DEFAULT_VRF, Router(asn, DEFAULT_VRF))
    router.lines += [
        f"bgp router-id {underlay.router_id}",
        "no bgp hard-administrative-reset",
        "no bgp default ipv4-unicast",
        "coalesce-time 1000",
        "no bgp graceful-restart notification",
        "neighbor VTEP peer-group",
        f"neighbor VTEP remote-as {asn}",
        "neighbor VTEP bfd",
    ]
    peers = split_list(controller.get("peers"))
    router.lines += [f"neighbor {peer} peer-group VTEP" for peer in peers if peer != underlay.address]
    router.family("l2vpn evpn").extend(
        [
            "neighbor VTEP activate",
            f"neighbor VTEP route-map {MAP_IN} in",
            f"neighbor VTEP route-map {MAP_OUT} out",
            "advertise-all-vni",
        ]
    )
    out.maps.setdefault(MAP_IN, []).append(MapEntry("permit"))
    out.maps.setdefault(MAP_OUT, []).append(MapEntry("permit"))


def _zone(out: Generated, config: RunningConfig, node: str, key: str, underlay: Underlay) -> None:
    zone = config.zones[key]
    vrf = f"vrf_{key}"
    router = Router(str(config.controllers[zone["controller"]]["asn"]), vrf)
    out.routers[vrf] = router
    router.lines += [
        f"bgp router-id {underlay.router_id}",
        "no bgp hard-administrative-reset",
        "no bgp graceful-restart notification",
    ]
    out.vrfs[vrf] = [f"vni {zone['vrf-vxlan']}"]
    if node in split_list(zone.get("exitnodes")):
        out.vrfs[vrf] += _null_routes(config, key)
        _exit_node(out, router, zone, node)
    elif zone.get("advertise-subnets"):
        for family in ("ipv4 unicast", "ipv6 unicast"):
            router.family(family).append("redistribute connected")
        router.family("l2vpn evpn").extend(["advertise ipv4 unicast", "advertise ipv6 unicast"])
    if targets := split_list(zone.get("rt-import")):
        router.family("l2vpn evpn").extend(f"route-target import {target}" for target in targets)


def _null_routes(config: RunningConfig, zone: str) -> list[str]:
    """Routes into nothing for the subnets of the other zones, so that an exit node does not join zones."""
    others = {subnet.network: subnet.mask for subnet in config.subnets if subnet.zone != zone}
    return [
        f"{'ipv6' if ':' in network else 'ip'} route {network}/{others[network]} null0"
        for network in sorted(others, key=numeric_order)
    ]


def _exit_node(out: Generated, router: Router, zone: Section, node: str) -> None:
    """The unfiltered leak that an exit node makes: the reason why the product refuses exit nodes."""
    out.prefix_lists["ip", "only_default"] = [(1, "permit 0.0.0.0/0")]
    out.prefix_lists["ipv6", "only_default_v6"] = [(1, "permit ::/0")]
    matches = ("match ip address prefix-list only_default", "match ipv6 address prefix-list only_default_v6")
    if zone.get("exitnodes-primary", node) == node:
        out.maps[MAP_IN][:0] = [MapEntry("deny", (match,)) for match in matches]
    else:
        out.maps[MAP_OUT][:0] = [MapEntry("permit", (match, "set metric 200")) for match in matches]
    for family in ("ipv4 unicast", "ipv6 unicast"):
        out.routers[DEFAULT_VRF].family(family).append(f"import vrf {router.vrf}")
        router.family(family).append("redistribute connected")
    router.family("l2vpn evpn").extend(["default-originate ipv4", "default-originate ipv6"])

"""What Proxmox SDN generates into frr.conf for an EVPN controller and its zones, frr.conf.local left aside.

The structure (:class:`Generated`) is what the merge works on; its text is written by the merge style of the
release (``verbatim`` or ``sorted_text``), because both kinds of text are laid out by the same code with and
without local lines.

Two things that surprise: a zone's VRF and its BGP instance are generated on *every* node, also where the zone's
``nodes`` leave the node out; and no ``update-source`` is written for the EVPN peers.
"""

from dataclasses import dataclass
from functools import lru_cache

from trellis.pve.model import EvpnController, EvpnZone, SdnState
from trellis.pve.versions import PveVersion

DEFAULT_VRF = "default"


@dataclass(frozen=True, slots=True)
class Node:
    """A Proxmox node, as far as the text generated for it depends on it.

    Attributes:
        name: Host name.
        router_id: Its IPv4 router id.  Proxmox takes the node's own address among the controller's peers.
        addresses: Its loopbacks, to find its own peer.
        version: Its Proxmox release.
    """

    name: str
    router_id: str
    addresses: tuple[str, ...]
    version: PveVersion


@dataclass(frozen=True, slots=True)
class Instance:
    """A generated ``router bgp``: statements without indentation, and its address families."""

    asn: str
    vrf: str
    statements: tuple[str, ...]
    families: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def header(self) -> str:
        """The line that opens it."""
        return f"router bgp {self.asn}" + ("" if self.vrf == DEFAULT_VRF else f" vrf {self.vrf}")


@dataclass(frozen=True, slots=True)
class Generated:
    """All that Proxmox generates for one node.

    Attributes:
        header: The lines before the first block.
        vrfs: Statements per VRF, sorted by name.
        instances: BGP instances, the default one first, then sorted by VRF.
        route_maps: Actions of the entries (all without match or set) per route-map, sorted by name.
    """

    header: tuple[str, ...]
    vrfs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    instances: tuple[Instance, ...] = ()
    route_maps: tuple[tuple[str, tuple[str, ...]], ...] = ()


def own_peer(controller: EvpnController, node: Node) -> str | None:
    """The peer address that is the node itself: the first of the list that it holds.

    Args:
        controller: The controller with its peers.
        node: The node with its loopbacks.

    Returns:
        The address, or ``None``: Proxmox then asks the routing table for a source address, and every peer
        becomes a neighbour.
    """
    return next((peer for peer in controller.peers if peer in node.addresses), None)


def generated_config(state: SdnState, node: Node) -> Generated:
    """What Proxmox generates for a node.

    Args:
        state: The cluster's SDN objects.
        node: The node to generate for.

    Returns:
        The structure; with no controller only the header.
    """
    header = _header(node.name, node.version)
    controller = state.controller
    if controller is None:
        return Generated(header)
    zones = _zones_of(state.zones, controller.id)
    vrf_statements = _vrf_instance(node.router_id)
    asn = str(controller.asn)
    instances = [_default_instance(controller, node)]
    instances += [Instance(asn, zone.vrf, vrf_statements) for zone in zones]
    version = node.version
    return Generated(
        header=header,
        vrfs=tuple((zone.vrf, (f"vni {zone.vrf_vxlan}",)) for zone in zones),
        instances=tuple(instances),
        route_maps=tuple((name, ("permit",)) for name in sorted((version.route_map_in, version.route_map_out))),
    )


@lru_cache(maxsize=256)
def _zones_of(zones: tuple[EvpnZone, ...], controller: str) -> tuple[EvpnZone, ...]:
    return tuple(sorted((zone for zone in zones if zone.controller == controller), key=lambda zone: zone.vrf))


def _header(node: str, version: PveVersion) -> tuple[str, ...]:
    return (
        version.frr_header,
        "frr defaults datacenter",
        f"hostname {node}",
        "log syslog informational",
        "service integrated-vtysh-config",
    )


def _vrf_instance(router_id: str) -> tuple[str, ...]:
    return (
        f"bgp router-id {router_id}",
        "no bgp hard-administrative-reset",
        "no bgp graceful-restart notification",
    )


def _default_instance(controller: EvpnController, node: Node) -> Instance:
    group = node.version.peer_group
    own = own_peer(controller, node)
    return Instance(
        asn=str(controller.asn),
        vrf=DEFAULT_VRF,
        statements=(
            f"bgp router-id {node.router_id}",
            "no bgp hard-administrative-reset",
            "no bgp default ipv4-unicast",
            "coalesce-time 1000",
            "no bgp graceful-restart notification",
            f"neighbor {group} peer-group",
            f"neighbor {group} remote-as {controller.asn}",
            f"neighbor {group} bfd",
            *(f"neighbor {peer} peer-group {group}" for peer in controller.peers if peer != own),
        ),
        families=(
            (
                "l2vpn evpn",
                (
                    f"neighbor {group} activate",
                    f"neighbor {group} route-map {node.version.route_map_in} in",
                    f"neighbor {group} route-map {node.version.route_map_out} out",
                    "advertise-all-vni",
                ),
            ),
        ),
    )

"""The devices that Proxmox SDN makes on a node for its EVPN zones, with their names, roles, MTU and VNIs.

Devices come from VNets: a zone without a VNet has none, not even its VRF.  Unlike the FRR text they are made only
on the zone's nodes.  The lab makes its devices by itself; sysctls and firewall rules name them from here.
"""

from dataclasses import dataclass
from enum import Enum

from trellis.pve.generated import Node
from trellis.pve.model import EvpnZone, SdnState, Vnet

VXLAN_OVERHEAD = 50
"""Bytes that Proxmox subtracts from the uplink's MTU, whatever the VTEPs' address family (pve-network 1.3.0)."""

FALLBACK_MTU = 1450
"""MTU in bytes where neither the zone nor the uplink in /etc/network/interfaces states one (pve-network 1.3.0)."""


class DeviceRole(Enum):
    """What a device is for."""

    VRF = "vrf"
    L3VNI_BRIDGE = "l3vni-bridge"
    L3VNI_VXLAN = "l3vni-vxlan"
    VNET_BRIDGE = "vnet-bridge"
    VNET_VXLAN = "vnet-vxlan"


@dataclass(frozen=True, slots=True)
class Device:
    """One device on a node.

    Attributes:
        name: At most 15 characters, by the limits on zone and VNet ids.
        role: What it is for.
        zone: Id of its zone.
        vnet: Id of its VNet, or ``None`` for what belongs to the zone.
        mtu: In bytes; ``None`` for the VRF, whose MTU Proxmox leaves alone.
        vni: VXLAN identifier of a VXLAN device, else ``None``.
        master: The VRF or bridge that it belongs to, else ``None``.
        mac: The anycast MAC of a VNet's bridge, else ``None``.
        addresses: The anycast gateways of a VNet's bridge, with their prefix lengths.
    """

    name: str
    role: DeviceRole
    zone: str
    vnet: str | None = None
    mtu: int | None = None
    vni: int | None = None
    master: str | None = None
    mac: str | None = None
    addresses: tuple[str, ...] = ()


def zone_mtu(zone: EvpnZone, uplink_mtu: int | None = None) -> int:
    """MTU of a zone's devices.

    Args:
        zone: The zone.
        uplink_mtu: MTU in bytes that /etc/network/interfaces states for the interface holding the node's own
            peer address, or ``None`` if it states none.

    Returns:
        The zone's own, else the uplink's less 50, else 1450 bytes.
    """
    if zone.mtu is not None:
        return zone.mtu
    return FALLBACK_MTU if uplink_mtu is None else uplink_mtu - VXLAN_OVERHEAD


def devices(state: SdnState, node: Node, uplink_mtu: int | None = None) -> tuple[Device, ...]:
    """The devices that Proxmox makes on a node.

    Args:
        state: The cluster's SDN objects.
        node: The node.
        uplink_mtu: See ``zone_mtu``.

    Returns:
        The devices, sorted by name.
    """
    if state.controller is None:
        return ()
    found: dict[str, Device] = {}
    zones = {zone.id: zone for zone in state.zones if zone.controller == state.controller.id}
    for vnet in state.vnets:
        zone = zones.get(vnet.zone)
        if zone is None or (zone.nodes and node.name not in zone.nodes):
            continue
        mtu = zone_mtu(zone, uplink_mtu)
        for device in (*_of_zone(zone, mtu), *_of_vnet(zone, vnet, mtu)):
            found[device.name] = device
    return tuple(found[name] for name in sorted(found))


def _of_zone(zone: EvpnZone, mtu: int) -> tuple[Device, ...]:
    bridge = f"vrfbr_{zone.id}"
    return (
        Device(zone.vrf, DeviceRole.VRF, zone.id),
        Device(bridge, DeviceRole.L3VNI_BRIDGE, zone.id, mtu=mtu, master=zone.vrf),
        Device(f"vrfvx_{zone.id}", DeviceRole.L3VNI_VXLAN, zone.id, mtu=mtu, vni=zone.vrf_vxlan, master=bridge),
    )


def _of_vnet(zone: EvpnZone, vnet: Vnet, mtu: int) -> tuple[Device, ...]:
    gateways = tuple(
        f"{subnet.gateway}/{subnet.cidr.partition('/')[2]}" for subnet in vnet.subnets if subnet.gateway is not None
    )
    return (
        Device(
            vnet.id,
            DeviceRole.VNET_BRIDGE,
            zone.id,
            vnet.id,
            mtu=mtu,
            master=zone.vrf,
            mac=zone.mac,
            addresses=gateways,
        ),
        Device(f"vxlan_{vnet.id}", DeviceRole.VNET_VXLAN, zone.id, vnet.id, mtu=mtu, vni=vnet.tag, master=vnet.id),
    )

"""The SDN objects of a cluster as far as they decide what Proxmox generates, and the node it generates for.

Deliberately not representable: exit nodes, ``advertise-subnets`` and ``rt-import``.  The first two make Proxmox
generate an unfiltered leak between the VRF and the global table; the site refuses them.  BGP and IS-IS
controllers and fabrics are absent as well: the underlay is ours.
"""

import re
from dataclasses import dataclass

DEVICE_NAME_MAX = 15
"""Characters of a Linux interface name (IFNAMSIZ 16 less its terminator)."""

SDN_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,6}[a-zA-Z0-9]")
"""Proxmox's rule for zone and VNet ids: 2 to 8 letters and digits, a letter first (pve-network 1.3.0)."""

VNI_MAX = 16_777_215
"""Largest VXLAN network identifier: 24 bits (RFC 7348)."""


class SdnStateError(ValueError):
    """An SDN object that Proxmox itself would refuse; the message says which, why, and what to do."""


def _checked_id(what: str, value: str) -> None:
    if SDN_ID.fullmatch(value) is None:
        raise SdnStateError(
            f"{what} {value!r}: Proxmox takes 2 to 8 letters and digits, a letter first, because the devices "
            f"named after it (vrfvx_{value}) must fit the {DEVICE_NAME_MAX} characters of a Linux interface name; "
            "choose a shorter id"
        )


def _checked_vni(what: str, value: int) -> None:
    if not 1 <= value <= VNI_MAX:
        raise SdnStateError(f"{what}: {value} is not a VXLAN identifier (1 to {VNI_MAX}); choose one in range")


@dataclass(frozen=True, slots=True)
class EvpnController:
    """The cluster's one EVPN controller.

    Attributes:
        id: Its name in Proxmox; it appears nowhere in FRR's text.
        asn: The fabric's AS number, 1 to 4294967295.
        peers: Addresses of all VTEPs, in the order of Proxmox's ``peers``; FRR's neighbours follow that order.
    """

    id: str
    asn: int
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvpnZone:
    """An EVPN zone: one VRF with one L3VNI.

    Attributes:
        id: 2 to 8 letters and digits; the VRF is ``vrf_<id>``.
        vrf_vxlan: The L3VNI, 1 to 16777215.
        controller: Id of the controller that it uses.
        mtu: MTU of its devices in bytes, or ``None`` for Proxmox's default.
        nodes: Nodes that get its *devices*; empty for all.  Its FRR text is generated on every node.
        mac: Anycast MAC of its gateways; ``None`` lets Proxmox draw one at random when the zone is made.
    """

    id: str
    vrf_vxlan: int
    controller: str
    mtu: int | None = None
    nodes: tuple[str, ...] = ()
    mac: str | None = None

    def __post_init__(self) -> None:
        _checked_id("zone", self.id)
        _checked_vni(f"zone {self.id}, vrf-vxlan", self.vrf_vxlan)

    @property
    def vrf(self) -> str:
        """Name of the zone's VRF device."""
        return f"vrf_{self.id}"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a VNet: ``cidr`` as Proxmox prints it, and the anycast gateway, if it has one."""

    cidr: str
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Vnet:
    """A VNet: a bridge on every node of its zone, carried by one VXLAN.

    Attributes:
        id: 2 to 8 letters and digits; it names the bridge.
        zone: Id of its zone.
        tag: Its L2VNI, 1 to 16777215.
        alias: Free text on the bridge, or ``None``.
        subnets: Its subnets with their gateways.
    """

    id: str
    zone: str
    tag: int
    alias: str | None = None
    subnets: tuple[Subnet, ...] = ()

    def __post_init__(self) -> None:
        _checked_id("VNet", self.id)
        _checked_vni(f"VNet {self.id}, tag", self.tag)


@dataclass(frozen=True, slots=True)
class SdnState:
    """Everything that the cluster's SDN holds at one moment, pending changes not counted.

    Attributes:
        controller: The EVPN controller; ``None`` before the first apply, when Proxmox generates nothing.
        zones: EVPN zones in any order.
        vnets: VNets in any order.
    """

    controller: EvpnController | None = None
    zones: tuple[EvpnZone, ...] = ()
    vnets: tuple[Vnet, ...] = ()

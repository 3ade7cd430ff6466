"""What Proxmox VE's SDN generates for an EVPN fabric, and how it merges frr.conf.local: the effective config.

Proxmox rewrites the whole of /etc/frr/frr.conf at every SDN apply, network reload and boot; only what stands in
/etc/frr/frr.conf.local survives, and only in a grammar that its parser understands.  Here both are pure
functions, so that a plan knows a host's config before the host is touched, and refuses what would be lost.

Deliberately elsewhere: what to write into frr.conf.local (``trellis.render``), asking a host what it runs (the
agent), and playing Proxmox in the lab (``trellis.lab.proxmox``, written independently of this package).
"""

from trellis.pve.blocks import Piece
from trellis.pve.carry import NotCarriable, carry, carry_in_router
from trellis.pve.devices import Device, DeviceRole, devices, zone_mtu
from trellis.pve.generated import Node, own_peer
from trellis.pve.merge import NEVER_PRINTED, BrokenLine, Merge, effective, effective_of_pieces, generate, merge
from trellis.pve.model import EvpnController, EvpnZone, SdnState, SdnStateError, Subnet, Vnet
from trellis.pve.reading import NotGenerated
from trellis.pve.reasons import Loss, LossKind, Reason
from trellis.pve.versions import VERSIONS, MergeStyle, PveVersion, UnknownPveVersion, pve_version

__all__ = [
    "NEVER_PRINTED",
    "VERSIONS",
    "BrokenLine",
    "Device",
    "DeviceRole",
    "EvpnController",
    "EvpnZone",
    "Loss",
    "LossKind",
    "Merge",
    "MergeStyle",
    "Node",
    "NotCarriable",
    "NotGenerated",
    "Piece",
    "PveVersion",
    "Reason",
    "SdnState",
    "SdnStateError",
    "Subnet",
    "UnknownPveVersion",
    "Vnet",
    "carry",
    "carry_in_router",
    "devices",
    "effective",
    "effective_of_pieces",
    "generate",
    "merge",
    "own_peer",
    "pve_version",
    "zone_mtu",
]

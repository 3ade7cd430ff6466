"""The SDN configuration as a node reads it, and where the node stands in it.

The document is the one that Proxmox keeps as `.running-config`: `version` and, for each of `controllers`,
`zones`, `vnets` and `subnets`, an `ids` object. Values arrive as the API checked them; nothing is
validated again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Subnet:
    """A subnet of a VNet.

    Args:
        zone: Its zone's id, as its own id says (`zone-network-mask`).
        vnet: Its VNet's id.
        network: The network's address.
        mask: The prefix length.
        gateway: The anycast gateway's address, if there is one.
    """

    zone: str
    vnet: str
    network: str
    mask: str
    gateway: str | None


@dataclass(frozen=True)
class RunningConfig:
    """The committed SDN configuration.

    Args:
        version: Counts the commits; 0 where nothing was ever committed.
        controllers: By id.
        zones: By id.
        vnets: By id.
        subnets: In the order of their ids.
    """

    version: int
    controllers: Mapping[str, Section]
    zones: Mapping[str, Section]
    vnets: Mapping[str, Section]
    subnets: tuple[Subnet, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever committed."""
        return self.version == 0


@dataclass(frozen=True)
class LocalAddress:
    """An address of an interface of this node.

    Args:
        interface: The interface's name.
        address: Without a prefix length.
        mtu: The interface's MTU, bytes.
    """

    interface: str
    address: str
    mtu: int


@dataclass(frozen=True)
class Underlay:
    """Where this node stands among the peers of an EVPN controller.

    Args:
        interface: The interface that holds the address.
        address: The VTEP's address; None where no peer's address is this node's and none is routed.
        mtu: The interface's MTU, bytes.
        router_id: In dotted form.
    """

    interface: str | None
    address: str | None
    mtu: int | None
    router_id: str


def parse(document: Mapping[str, Any]) -> RunningConfig:
    """Read a `.running-config` document."""
    ids = {kind: document.get(kind, {}).get("ids", {}) for kind in ("controllers", "zones", "vnets", "subnets")}
    return RunningConfig(
        version=int(document.get("version", 0)),
        controllers=ids["controllers"],
        zones=ids["zones"],
        vnets=ids["vnets"],
        subnets=tuple(_subnet(key, value) for key, value in sorted(ids["subnets"].items())),
    )


def _subnet(key: str, section: Section) -> Subnet:
    zone, network, mask = key.split("-")[:3]
    return Subnet(zone, section["vnet"], network, mask, section.get("gateway"))


def split_list(value: str | None) -> list[str]:
    """A list as Proxmox writes it into one value: separated by commas, semicolons or blanks."""
    return (value or "").replace(",", " ").replace(";", " ").split()


def find_underlay(
    peers: Iterable[str], addresses: Iterable[LocalAddress], routed: LocalAddress | None, mac: str | None
) -> Underlay:
    """Which of the peers this node is.

    Args:
        peers: The controller's peers, in order.
        addresses: This node's own.
        routed: The source address towards the first peer, taken where no peer is this node.
        mac: The MAC address of the interface that holds an IPv6 address: the router id comes from its
            last four octets then.

    Returns:
        Where this node stands. Proxmox writes a configuration with a foreign address as well, so does this.

    Raises:
        ValueError: There is no IPv4 address and no MAC address to take a router id from.
    """
    own = {ip_address(entry.address): entry for entry in addresses}
    found = next((own[ip_address(peer)] for peer in peers if ip_address(peer) in own), routed)
    if found is None:
        raise ValueError("can't autofind a router-id value from ip or mac")
    if ip_address(found.address).version == 4:
        return Underlay(found.interface, found.address, found.mtu, found.address)
    octets = (mac or "").split(":")
    if len(octets) != 6 or set(octets) == {"00"}:
        raise ValueError("can't autofind a router-id value from ip or mac")
    router_id = ".".join(str(int(octet, 16)) for octet in octets[2:])
    return Underlay(found.interface, found.address, found.mtu, router_id)


def numeric_order(network: str) -> int:
    """A network's address as a number, for sorting as Proxmox sorts null routes."""
    return int(ip_network(network).network_address)

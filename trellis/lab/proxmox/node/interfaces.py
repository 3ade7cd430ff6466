"""/etc/network/interfaces.d/sdn: what Proxmox writes there for EVPN zones, and how it reads as stanzas.

Only EVPN zones; exit nodes with local routing, source NAT and fabrics are refused by the API. A zone
without a VNet has no device at all, because Proxmox goes through the VNets; a zone's `nodes` limit it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .configuration import RunningConfig, Section, Subnet, Underlay, split_list

UNREACHABLE_METRIC = 4278198272
"""Metric of the route that keeps a VRF's traffic from falling through to the main table (FRR docs, VRF)."""

_DEFAULT_MTU = 1450
_VXLAN_OVERHEAD = 50


@dataclass(frozen=True)
class Stanza:
    """An `iface` of the file.

    Args:
        name: The device.
        options: Option and value, in the order of the file.
    """

    name: str
    options: tuple[tuple[str, str], ...]

    def all(self, option: str) -> tuple[str, ...]:
        """Every value of an option."""
        return tuple(value for key, value in self.options if key == option)

    def first(self, option: str) -> str | None:
        """The first value of an option."""
        return next(iter(self.all(option)), None)


def generate(config: RunningConfig, node: str, underlays: dict[str, Underlay]) -> list[Stanza]:
    """The devices that Proxmox wants on a node.

    Args:
        config: The committed configuration.
        node: This node's name.
        underlays: By controller, where this node stands.
    """
    out: dict[str, list[str]] = {}
    for key, vnet in sorted(config.vnets.items()):
        zone_id = vnet["zone"]
        zone = config.zones.get(zone_id)
        if zone is None or (zone.get("nodes") and node not in split_list(zone["nodes"])):
            continue
        if zone.get("controller") not in config.controllers:
            continue
        underlay = underlays[zone["controller"]]
        mtu = zone.get("mtu") or _mtu_of(underlay)
        subnets = [subnet for subnet in config.subnets if subnet.vnet == key]
        out[f"vxlan_{key}"] = _vxlan(zone, str(vnet["tag"]), underlay, mtu)
        out[key] = _vnet(zone_id, zone, key, vnet, subnets, mtu)
        is_exit = node in split_list(zone.get("exitnodes"))
        verb = "del" if is_exit else "add"
        out[f"vrf_{zone_id}"] = [
            "vrf-table auto",
            f"post-up ip route {verb} vrf vrf_{zone_id} unreachable default metric {UNREACHABLE_METRIC}",
        ]
        out[f"vrfvx_{zone_id}"] = _vxlan(zone, str(zone["vrf-vxlan"]), underlay, mtu)
        out[f"vrfbr_{zone_id}"] = [
            f"bridge-ports vrfvx_{zone_id}",
            "bridge_stp off",
            "bridge_fd 0",
            f"mtu {mtu}",
            f"vrf vrf_{zone_id}",
        ]
    return [Stanza(name, tuple(_split(line) for line in lines)) for name, lines in sorted(out.items())]


def _mtu_of(underlay: Underlay) -> int:
    """50 bytes less than the uplink's, where that was ever set; 1450 is the same for an uplink left alone."""
    return underlay.mtu - _VXLAN_OVERHEAD if underlay.mtu else _DEFAULT_MTU


def _vxlan(zone: Section, vni: str, underlay: Underlay, mtu: int) -> list[str]:
    lines = [f"vxlan-id {vni}"]
    if underlay.address:
        lines.append(f"vxlan-local-tunnelip {underlay.address}")
    if zone.get("vxlan-port"):
        lines.append(f"vxlan-port {zone['vxlan-port']}")
    lines.append("bridge-learning off")
    if not zone.get("disable-arp-nd-suppression"):
        lines.append("bridge-arp-nd-suppress on")
    return [*lines, f"mtu {mtu}"]


def _vnet(zone_id: str, zone: Section, key: str, vnet: Section, subnets: list[Subnet], mtu: int) -> list[str]:
    gateways = {subnet.gateway: subnet for subnet in reversed(subnets) if subnet.gateway}
    ordered = [subnet for subnet in subnets if subnet.gateway and gateways[subnet.gateway] is subnet]
    lines = [f"address {subnet.gateway}/{subnet.mask}" for subnet in ordered]
    if zone.get("mac"):
        lines.append(f"hwaddress {zone['mac']}")
    lines += [f"bridge_ports vxlan_{key}", "bridge_stp off", "bridge_fd 0", f"mtu {mtu}"]
    if vnet.get("alias"):
        lines.append(f"alias {vnet['alias']}")
    if any(":" not in gateway for gateway in gateways):
        lines.append("ip-forward on")
    if any(":" in gateway for gateway in gateways):
        lines.append("ip6-forward on")
    if subnets:
        lines.append("arp-accept on")
    return [*lines, f"vrf vrf_{zone_id}"]


def write(version: int, stanzas: list[Stanza]) -> str:
    """The file's text: the configuration's version, then a stanza for each device."""
    text = f"#version:{version}\n"
    for stanza in stanzas:
        text += f"\nauto {stanza.name}\niface {stanza.name}\n"
        text += "".join(f"\t{key} {value}\n" for key, value in stanza.options)
    return text


def read(text: str) -> list[Stanza]:
    """The stanzas of a file that `write` made; of anything else in it nothing is kept."""
    out: list[Stanza] = []
    for line in text.splitlines():
        if line.startswith("iface "):
            out.append(Stanza(line.split()[1], ()))
        elif line[:1].isspace() and line.strip() and out:
            out[-1] = Stanza(out[-1].name, (*out[-1].options, _split(line.strip())))
    return out


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value.strip()

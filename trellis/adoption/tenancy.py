"""Zones, VNets and tenants of an existing cluster: Proxmox's objects, and what plain FRR hosts have.

What a tenant's guests may do is ``trellis.adoption.policies``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Network, ip_address, ip_network
from typing import Any

from trellis import allocate
from trellis.adoption.draft import Draft, named
from trellis.adoption.given import GivenCluster, Section
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.speaking import Party
from trellis.plan import names
from trellis.pve.model import SDN_ID

_TENANT_IDS = range(100, 10000)
_ZONE_IDS = range(1, 4001)
GLOBAL_UNICAST = IPv6Network("2000::/3")


@dataclass(slots=True)
class Network:
    """A VNet as it was found.

    Attributes:
        subnets: Each with its gateway, if it has one.
        tag: Its VNI; None where nothing says it.
    """

    name: str
    zone: str
    tag: int | None
    alias: str = ""
    subnets: list[tuple[AnyNetwork, str | None]] = field(default_factory=list)

    def own(self, version: int) -> tuple[AnyNetwork, str] | None:
        """Return its own subnet of a family: of IPv6 one that is not global, if there is one beside those that are."""
        found = [(net, gateway) for net, gateway in self.subnets if net.version == version and gateway is not None]
        return min(found, key=lambda one: self._is_global(one[0]), default=None)

    def beyond(self) -> list[AnyNetwork]:
        """Return its further global IPv6 subnets, which the site has as delegated ones."""
        own = self.own(6)
        return [net for net, _ in self.subnets if self._is_global(net) and own is not None and net != own[0]]

    def _is_global(self, network: AnyNetwork) -> bool:
        return isinstance(network, IPv6Network) and network.subnet_of(GLOBAL_UNICAST)


def tenancy(draft: Draft, reads: Sequence[Read], cluster: GivenCluster) -> dict[str, Network]:
    """Put zones, VNets and tenants into a site, and return the VNets that it has.

    Args:
        draft: The site; its fabric and hosts are there.
        reads: The hosts.
        cluster: What was read.
    """
    networks = {network.name: network for network in (*_of_proxmox(cluster), *_of_hosts(reads, cluster))}
    expressible = {name: found for name, found in sorted(networks.items()) if found.own(6) is not None}
    draft.data["zones"] = _zones(draft, reads, cluster, expressible)
    expressible = {name: found for name, found in expressible.items() if found.zone in draft.data["zones"]}
    tenants = _tenants(draft, reads, expressible)
    draft.data["tenants"] = {name: {"id": number} for name, number in sorted(set(tenants.values()))}
    draft.data["vnets"] = {name: _vnet(found, *tenants[name]) for name, found in expressible.items()}
    for zone in draft.data["zones"]:
        if len({tenants[name] for name, found in expressible.items() if found.zone == zone}) > 1:
            draft.data["zones"][zone]["shared"] = True
    return expressible


def zone_of_vrf(vrf: str) -> str:
    """Return the zone that a VRF would be of."""
    return vrf.removeprefix("vrf_") if vrf.startswith("vrf_") else re.sub("[^A-Za-z0-9]", "", vrf)[:8]


def _of_proxmox(cluster: GivenCluster) -> Iterator[Network]:
    evpn = {zone.id for zone in cluster.objects("zones") if zone.type == "evpn"}
    for vnet in cluster.objects("vnets"):
        if vnet.of("zone") not in evpn:
            continue
        tag = vnet.of("tag")
        found = Network(vnet.id, vnet.of("zone"), int(tag) if tag.isdigit() else None, vnet.of("alias"))
        for subnet in cluster.objects("subnets"):
            prefix = _cidr(subnet)
            if subnet.of("vnet") == vnet.id and prefix is not None:
                found.subnets.append((prefix, subnet.of("gateway") or None))
        yield found


def _cidr(subnet: Section) -> AnyNetwork | None:
    """Return the prefix of ``zone-10.0.0.0-24``."""
    _, _, rest = subnet.id.partition("-")
    address, _, length = rest.rpartition("-")
    try:
        return ip_network(subnet.of("cidr") or f"{address}/{length}")
    except ValueError:
        return None


def _of_hosts(reads: Sequence[Read], cluster: GivenCluster) -> Iterator[Network]:
    """Yield what plain FRR hosts have alone: interfaces in a VRF, and by FRR's own filter the VNI of their subnets."""
    known = {vnet.id for vnet in cluster.objects("vnets")}
    found: dict[str, Network] = {}
    numbers = _numbers(reads)
    for read in (read for read in reads if read.kind == "frr"):
        for wire in read.wires.values():
            if wire.vrf is None or wire.name in known or not wire.addresses or not SDN_ID.fullmatch(wire.name):
                continue
            own = [address for address in wire.addresses if not address.is_link_local]
            network = found.setdefault(wire.name, Network(wire.name, zone_of_vrf(wire.vrf), wire.vni))
            network.subnets += [
                (address.network, str(address.ip))
                for address in own
                if (address.network, str(address.ip)) not in network.subnets
            ]
            if network.tag is None:
                network.tag = next((numbers[net] for net, _ in network.subnets if net in numbers), None)
    yield from found.values()


def _numbers(reads: Sequence[Read]) -> dict[AnyNetwork, int]:
    """Return the VNI of each subnet: Trellis numbers the entries of its list of subnets by it."""
    found: dict[AnyNetwork, int] = {}
    for read in reads:
        for statement in read.statements:
            if match := re.fullmatch(rf"ipv?6? prefix-list {names.SUBNETS} seq (\d+) permit (\S+)", statement.line):
                found[ip_network(match[2], strict=False)] = int(match[1])
    return {net: number for net, number in found.items() if number < 2**24}


def _zones(
    draft: Draft, reads: Sequence[Read], cluster: GivenCluster, networks: dict[str, Network]
) -> dict[str, dict[str, Any]]:
    wanted: dict[str, tuple[int | None, Section | None]] = {
        zone.id: (int(zone.of("vrf-vxlan")) if zone.of("vrf-vxlan").isdigit() else None, zone)
        for zone in cluster.objects("zones")
        if zone.type == "evpn"
    }
    for zone in sorted({found.zone for found in networks.values()} - wanted.keys()):
        wanted[zone] = _vni_of_vrf(reads, zone), None
    entries: dict[str, dict[str, Any]] = {}
    kept = {vni - allocate.L3VNI_BASE for vni, _ in wanted.values() if vni is not None}
    for name, (vni, section) in sorted(wanted.items()):
        number = vni - allocate.L3VNI_BASE if vni is not None else 0
        if number not in _ZONE_IDS:
            number = next(one for one in _ZONE_IDS if one not in kept)
            kept.add(number)
            draft.assume(
                f"zones.{name}.id is {number}, the lowest that is free: its L3VNI becomes {allocate.l3vni(number)}"
            )
        entry: dict[str, Any] = {"id": number}
        mtu = _mtu(reads, name, section, networks)
        if mtu is not None:
            entry["mtu"] = mtu
        nodes = _nodes(reads, name, section)
        if nodes:
            entry["nodes"] = nodes
        if any(":" in peer for one in cluster.objects("controllers") for peer in one.of("peers").split(",")):
            entry["vtep"] = "ipv6"
        entries[name] = entry
    return entries


def _vni_of_vrf(reads: Sequence[Read], zone: str) -> int | None:
    for read in reads:
        for opener, lines in read.stanzas.items():
            if opener.startswith("vrf ") and zone_of_vrf(opener.removeprefix("vrf ")) == zone:
                found = [line.removeprefix("vni ") for line in lines if re.fullmatch(r"vni \d+", line)]
                if found:
                    return int(found[0])
    return None


def _mtu(reads: Sequence[Read], zone: str, section: Section | None, networks: dict[str, Network]) -> int | None:
    if section is not None:
        return int(section.of("mtu")) if section.of("mtu").isdigit() else None
    own = [name for name, found in networks.items() if found.zone == zone]
    found = [read.wires[name].mtu for read in reads for name in own if name in read.wires]
    return next((mtu for mtu in found if mtu is not None), None)


def _nodes(reads: Sequence[Read], zone: str, section: Section | None) -> list[str]:
    """Return the hosts that carry a zone; none if all do."""
    chosen = [node for node in (section.of("nodes") if section else "").replace(",", " ").split() if node]
    own = f"vrf vrf_{zone}"
    carrying = [
        read.name
        for read in reads
        if (read.kind == "pve" and section is not None and (read.name in chosen or not chosen))
        or (read.kind == "frr" and (own in read.stanzas or (section is None and _has_vrf(read, zone))))
    ]
    return [] if len(carrying) == len(reads) else carrying


def _has_vrf(read: Read, zone: str) -> bool:
    return any(wire.vrf is not None and zone_of_vrf(wire.vrf) == zone for wire in read.wires.values())


def _tenants(draft: Draft, reads: Sequence[Read], networks: dict[str, Network]) -> dict[str, tuple[str, int]]:
    """Return the tenant of each VNet, as name and id."""
    numbers = {name: _tenant_id(reads, found) for name, found in networks.items()}
    called = {name: _tenant_name(reads, name) for name in networks}
    chosen: dict[str, tuple[str, int]] = {}
    taken = {number for number in numbers.values() if number is not None}
    by_zone: dict[str, str] = {}
    for name, found in sorted(networks.items(), key=lambda one: (numbers[one[0]] is None, one[0])):
        number = numbers[name]
        if number is None and found.zone in by_zone:
            chosen[name] = chosen[by_zone[found.zone]]
            continue
        if number is None:
            number = next(one for one in _TENANT_IDS if one not in taken)
            taken.add(number)
            draft.assume(f"the tenant of vnets.{name} has id {number}, the lowest that is free: nothing says another")
        same = next((pair for pair in chosen.values() if pair[1] == number), None)
        chosen[name] = same or (called[name] or f"tenant{number}", number)
        if called[name] is None and same is None:
            draft.assume(f"tenants.tenant{number} is called so after its id: nothing says its name")
        by_zone.setdefault(found.zone, name)
    return chosen


def _tenant_id(reads: Sequence[Read], network: Network) -> int | None:
    if network.tag is not None and network.tag - allocate.L2VNI_BASE in _TENANT_IDS:
        return network.tag - allocate.L2VNI_BASE
    own = network.own(6)
    for read in reads:
        for party in read.bgp.parties.values():
            remote = read.bgp.remote_as(party)
            if own is None or remote is None or not in_network(party, own[0]):
                continue
            number = (remote - allocate.GUEST_ASN_BASE) // 1000
            if number in _TENANT_IDS and remote < allocate.CLUSTER_ASN_BASE:
                return number
    return None


def in_network(party: Party, network: AnyNetwork) -> bool:
    """Return whether a neighbour's address is of a network."""
    try:
        address = ip_address(party.name)
    except ValueError:
        return False
    return address.version == network.version and address in network


def _tenant_name(reads: Sequence[Read], vnet: str) -> str | None:
    """Return the tenant whose filter the guests of a VNet are told by."""
    for read in reads:
        for party in read.bgp.parties.values():
            if re.fullmatch(rf"TL-{re.escape(vnet)}-(BFD|GR|HOLD|OPEN)", party.name):
                for route_map in read.bgp.in_any_family(party, "route-map", " out"):
                    if found := re.fullmatch(r"TL-T-(.+)-OUT", route_map):
                        return named(found[1], vnet)
    return None


def _vnet(network: Network, tenant: str, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"zone": network.zone, "tenant": tenant}
    if network.tag is not None and network.tag != allocate.l2vni(number):
        entry["vni"] = network.tag
    if network.alias:
        entry["alias"] = network.alias
    own = {"ipv4": network.own(4), "ipv6": network.own(6)}
    entry["subnets"] = {
        family: {"prefix": str(pair[0]), "gateway": pair[1]} for family, pair in own.items() if pair is not None
    }
    return entry

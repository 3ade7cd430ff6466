"""Whose address is whose, where Trellis's own packet filter says it: what no session of BGP tells.

It holds addresses that control planes share, guests' addresses of delegated prefixes, and ranges of loopbacks of
tenants whose guests nobody hears.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from trellis.adoption import given
from trellis.adoption.draft import Draft
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.tenancy import Network
from trellis.site.territory import within

_PAIR = re.compile(r"([0-9a-f]{2}(?::[0-9a-f]{2}){5}) \. ([0-9a-f.:]+),")
_SET = re.compile(r"set zone_(\S+)_ip6? \{")


def owning(draft: Draft, reads: Sequence[Read], networks: dict[str, Network]) -> None:
    """Put into a site what the hosts' filters say of addresses.

    Args:
        draft: The site; its guests and clusters are there.
        reads: The hosts.
        networks: The VNets.
    """
    pairs = {pair for read in reads for pair in _PAIR.findall(read.host.text(given.FIREWALL))}
    for cluster in draft.data.get("clusters", {}).values():
        shared = _shared(cluster, networks[cluster["vnet"]], pairs)
        if "ipv6" in shared:
            cluster["vip"] = shared
        for node in cluster["nodes"].values():
            _global_address(node, networks[cluster["vnet"]], pairs)
    for guest in draft.data.get("guests", {}).values():
        _global_address(guest, networks[guest["vnet"]], pairs)
    for zone in draft.data["zones"]:
        _loopbacks(draft, zone, set(_ranges(reads, zone)), networks)


def _shared(cluster: dict[str, Any], network: Network, pairs: set[tuple[str, str]]) -> dict[str, str]:
    """Return the addresses of the VNet that every control plane's MAC may have, by family."""
    macs = [node["mac"].lower() for node in cluster["nodes"].values() if node["role"] == "controlplane"]
    held = [{address for mac, address in pairs if mac == one} for one in macs]
    others = {address for mac, address in pairs if mac not in macs}
    found = {}
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        own = network.own(version)
        common = set.intersection(*held) - others if len(held) > 1 else set()
        inside = sorted(address for address in common if own is not None and ip_address(address) in own[0])
        if inside:
            found[family] = inside[0]
    return found


def _global_address(entry: dict[str, Any], network: Network, pairs: set[tuple[str, str]]) -> None:
    own = {ip_address(address) for mac, address in pairs if mac == entry["mac"].lower()}
    if any(address in prefix for address in own for prefix in network.beyond()):
        entry["global_address"] = "static"


def _ranges(reads: Sequence[Read], zone: str) -> Iterator[AnyNetwork]:
    """Yield what guests of a zone may use, as the hosts' filters have it."""
    for read in reads:
        inside = False
        for line in map(str.strip, read.host.text(given.FIREWALL).splitlines()):
            if found := _SET.fullmatch(line):
                inside = found[1] == zone
            elif line == "}":
                inside = False
            elif inside and re.fullmatch(r"[0-9a-f.:/]+,", line):
                yield ip_network(line.removesuffix(","))


def _loopbacks(draft: Draft, zone: str, ranges: set[AnyNetwork], networks: dict[str, Network]) -> None:
    """Give ranges that are nobody's to the tenant without one whose subnet is the nearest by its first bits."""
    data = draft.data
    vnets = {name: entry for name, entry in data["vnets"].items() if entry["zone"] == zone}
    tenants = sorted({entry["tenant"] for entry in vnets.values()})
    known = [net for name in vnets for net, _ in networks[name].subnets]
    known += [ip_network(pool) for one in tenants for pool in data["tenants"][one].get("loopbacks", {}).values()]
    for cluster in (one for one in data.get("clusters", {}).values() if one["vnet"] in vnets):
        known += [ip_network(pods["pool"]) for pods in cluster.get("pods", {}).values()]
        known += [ip_network(pool) for pool in cluster.get("services", {}).values()]
    without = [one for one in tenants if "loopbacks" not in data["tenants"][one]]
    rest = [one for one in ranges if one.prefixlen < one.max_prefixlen and not any(_meet(one, net) for net in known)]
    pools: dict[str, dict[str, str]] = {}
    for pool in sorted(rest, key=lambda one: (one.version, one)):
        near = {one: max((_common(pool, net) for net in _subnets(one, vnets, networks)), default=0) for one in without}
        if near:
            chosen = max(sorted(near), key=lambda one: near[one])
            pools.setdefault(chosen, {}).setdefault(f"ipv{pool.version}", str(pool))
    for tenant, found in pools.items():
        if "ipv6" in found:
            data["tenants"][tenant]["loopbacks"] = found
            if len(without) > 1:
                draft.assume(f"tenants.{tenant}.loopbacks are the nearest ranges of zone {zone} that are nobody's")


def _subnets(tenant: str, vnets: dict[str, Any], networks: dict[str, Network]) -> Iterator[AnyNetwork]:
    for name, entry in vnets.items():
        if entry["tenant"] == tenant:
            yield from (net for net, _ in networks[name].subnets)


def _meet(one: AnyNetwork, other: AnyNetwork) -> bool:
    return within(one, other) or within(other, one)


def _common(one: AnyNetwork, other: AnyNetwork) -> int:
    """Return how many first bits two prefixes have in common."""
    if one.version != other.version:
        return 0
    differing = int(one.network_address) ^ int(other.network_address)
    return one.max_prefixlen - differing.bit_length()

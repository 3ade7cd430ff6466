"""Guests and clusters of an existing cluster: neighbours in a VRF with an ASN of their own, and the VMs behind them.

A neighbour becomes a guest only if its MAC is known: by a VM of its name, or by the address that the host's neighbour
table has.  One that does not is told of by its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from trellis import allocate
from trellis.adoption import given
from trellis.adoption.draft import Draft, named
from trellis.adoption.given import GivenCluster, Vm
from trellis.adoption.policies import heard
from trellis.adoption.reading import AnyNetwork, PrefixRule, Read
from trellis.adoption.speaking import Party
from trellis.adoption.tenancy import Network
from trellis.site.peering import GuestBgp
from trellis.site.territory import within

_CLUSTER_IDS = range(1, 84967)
_NODE_SUFFIXES = range(11, 100)


@dataclass(slots=True)
class Speaker:
    """A guest as it was found.

    Attributes:
        hosts: The hosts with a session for it.
        rules: What its filter lets in.
        lists: The names of the lists that say so.
    """

    name: str
    vnet: str
    address: IPv6Address
    asn: int
    restarts: bool
    rules: list[PrefixRule]
    lists: list[str]
    hosts: list[str] = field(default_factory=list)
    place: _Place | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a guest is: its host, its MAC, its VM, and its addresses as the neighbour table has them."""

    host: str
    mac: str
    vmid: int | None
    nic: int
    ipv4: str | None


def guests(draft: Draft, reads: Sequence[Read], cluster: GivenCluster, networks: dict[str, Network]) -> None:
    """Put guests and clusters into a site.

    Args:
        draft: The site; its tenants, VNets and policies are there.
        reads: The hosts.
        cluster: What was read.
        networks: The VNets.
    """
    parties = heard(reads, networks)
    found = [one for name in networks for one in _speakers(name, parties[name])]
    arps = _neighbour_tables(reads)
    for speaker in found:
        speaker.place = _place(speaker, cluster.vms, arps)
        if speaker.place is None:
            draft.assume(
                f"{speaker.name} ({speaker.address} on {speaker.vnet}) is left out: no VM has its name, and no "
                "host knows its MAC; add it to guests by hand"
            )
    placed = [speaker for speaker in found if speaker.place is not None]
    nodes = [speaker for speaker in placed if _cluster_id(speaker) is not None]
    draft.data["guests"] = {
        one.name: _guest(draft, one, networks[one.vnet], reads) for one in placed if _cluster_id(one) is None
    }
    draft.data["clusters"] = _clusters(draft, nodes, networks, reads)


def _speakers(vnet: str, parties: list[tuple[Read, Party]]) -> list[Speaker]:
    found: dict[str, Speaker] = {}
    for read, party in parties:
        remote = read.bgp.remote_as(party)
        if remote is None or ":" not in party.name:
            continue
        if party.name not in found:
            rules, lists = read.accepted(party)
            described = read.bgp.word(party, "description") or ""
            name = named(described, f"guest-{named(party.name, 'x')}")
            address = IPv6Address(party.name)
            found[party.name] = Speaker(name, vnet, address, remote, _restarts(read, party), rules, lists)
        found[party.name].hosts.append(read.name)
    return list(found.values())


def _restarts(read: Read, party: Party) -> bool:
    return (party.group or "").endswith("-GR") or read.bgp.word(party, "graceful-restart") is not None


def _neighbour_tables(reads: Iterable[Read]) -> list[tuple[str, str, str, str]]:
    """Return host, device, address and MAC of what hosts have in their neighbour tables."""
    found = []
    for read in reads:
        for line in read.host.text(given.NEIGHBOURS).splitlines():
            if match := re.match(r"(\S+) dev (\S+) (?:\S+ )*?lladdr ([0-9a-fA-F:]{17})\b", line):
                found.append((read.name, match[2], match[1], match[3].lower()))
    return found


def _place(speaker: Speaker, vms: Iterable[Vm], arps: list[tuple[str, str, str, str]]) -> _Place | None:
    own = [entry for entry in arps if entry[1] == speaker.vnet and entry[2] == str(speaker.address)]
    macs = {entry[3] for entry in own}
    for vm in vms:
        for nic, mac, bridge in vm.cards:
            same = named(vm.name, "") == speaker.name if not macs else mac in macs
            if bridge == speaker.vnet and same:
                return _Place(vm.node, mac, vm.vmid, nic, _ipv4(mac, arps))
    if not own:
        return None
    host, _, _, mac = own[0]
    return _Place(host, mac, None, 0, _ipv4(mac, arps))


def _ipv4(mac: str, arps: list[tuple[str, str, str, str]]) -> str | None:
    return next((address for _, _, address, one in arps if one == mac and ":" not in address), None)


def _cluster_id(speaker: Speaker) -> int | None:
    number, suffix = divmod(speaker.asn - allocate.CLUSTER_ASN_BASE, 1000)
    return number if number in _CLUSTER_IDS and suffix in _NODE_SUFFIXES else None


def _attachment(draft: Draft, speaker: Speaker, suffix: int, network: Network, reads: Sequence[Read]) -> dict[str, Any]:
    """Return what guests and nodes have in common."""
    place = speaker.place
    assert place is not None
    entry: dict[str, Any] = {"host": place.host}
    carrying = draft.data["zones"][network.zone].get("nodes") or [read.name for read in reads]
    if set(speaker.hosts) != set(carrying):
        entry["placement"] = speaker.hosts
    entry["mac"] = place.mac.upper()
    own4, own6 = network.own(4), network.own(6)
    derived6 = allocate.suffix_address(own6[0], suffix) if own6 is not None else None
    derived4 = allocate.suffix_address(own4[0], suffix) if own4 is not None else None
    ipv4 = place.ipv4 if place.ipv4 is not None else str(derived4) if derived4 is not None else None
    if speaker.address != derived6 or (ipv4 is not None and ipv4 != str(derived4)):
        known4 = place.ipv4 is not None
        entry["addresses"] = {**({"ipv4": ipv4} if known4 and ipv4 else {}), "ipv6": str(speaker.address)}
    if speaker.restarts:
        entry["resilience"] = "restart"
    if place.vmid is not None:
        entry |= {"vmid": place.vmid} | ({"nic": place.nic} if place.nic else {})
    return entry


def _guest(draft: Draft, speaker: Speaker, network: Network, reads: Sequence[Read]) -> dict[str, Any]:
    tenant = draft.data["vnets"][speaker.vnet]["tenant"]
    number = draft.data["tenants"][tenant]["id"]
    pools = [ip_network(pool) for pool in draft.data["tenants"][tenant].get("loopbacks", {}).values()]
    routes = [
        rule.prefix for rule in speaker.rules if rule.exact and rule.prefix.prefixlen == rule.prefix.max_prefixlen
    ]
    own = [route for route in routes if any(within(route, pool) for pool in pools)]
    suffix = _suffix(draft, speaker, number, network, own, pools)
    derived = [allocate.suffix_address(pool, suffix) for pool in pools]
    entry: dict[str, Any] = {"vnet": speaker.vnet, "suffix": suffix}
    entry |= _attachment(draft, speaker, suffix, network, reads)
    if speaker.asn != allocate.guest_asn(number, suffix):
        entry["asn"] = speaker.asn
        _allow(draft, speaker)
    if own and not {str(one) for one in derived} <= {str(route.network_address) for route in own}:
        first = {f"ipv{route.version}": str(route.network_address) for route in reversed(own)}
        if "ipv6" in first:
            entry["loopback"] = dict(sorted(first.items()))
            derived = [ip_address(one) for one in first.values()]
    beyond = [str(route) for route in routes if route.network_address not in derived]
    if beyond:
        entry["announces"] = beyond
    return entry


def _allow(draft: Draft, speaker: Speaker) -> None:
    """Widen the range of ASNs that a tenant's guests may name themselves, if one of them lies beyond it."""
    vnet = draft.data["vnets"][speaker.vnet]
    policy = vnet.get("guest_bgp") or draft.data["tenants"][vnet["tenant"]]["guest_bgp"]
    usual = GuestBgp().asns
    first, last = policy.get("asns", {"first": usual.first, "last": usual.last}).values()
    if not first <= speaker.asn <= last:
        named_before = "asns" in policy
        policy["asns"] = {
            "first": min(first, speaker.asn) if named_before else speaker.asn,
            "last": max(last, speaker.asn) if named_before else speaker.asn,
        }


def _suffix(
    draft: Draft,
    speaker: Speaker,
    tenant: int,
    network: Network,
    own: Sequence[AnyNetwork],
    pools: Sequence[AnyNetwork],
) -> int:
    """Return a guest's number: as its ASN says, else its loopback, else its address; else one that is free."""
    candidates = [speaker.asn - allocate.guest_asn(tenant, 0)]
    for outer in pools:
        candidates += [_digits(route, outer) for route in own if within(route, outer)]
    subnet = network.own(6)
    if subnet is not None:
        candidates.append(_digits(ip_network(speaker.address), subnet[0]))
    taken = {
        entry["suffix"]
        for entry in draft.data.get("guests", {}).values()
        if draft.data["vnets"][entry["vnet"]]["tenant"] == draft.data["vnets"][speaker.vnet]["tenant"]
    }
    free = next(one for one in range(1, 1000) if one not in taken)
    return next((one for one in candidates if 1 <= one <= 999 and one not in taken), free)


def _digits(route: AnyNetwork, outer: AnyNetwork) -> int:
    """Return the number that an address of a range reads like; 0 for none."""
    rest = int(route.network_address) - int(outer.network_address)
    text = str(rest) if outer.version == 4 else f"{rest:x}"
    return int(text) if text.isdigit() else 0


def _clusters(
    draft: Draft, nodes: Sequence[Speaker], networks: dict[str, Network], reads: Sequence[Read]
) -> dict[str, Any]:
    clusters: dict[str, Any] = {}
    for number in sorted({number for node in nodes if (number := _cluster_id(node)) is not None}):
        own = [node for node in nodes if _cluster_id(node) == number]
        called = {
            found[1] for node in own for name in node.lists if (found := re.fullmatch(r"TL-C-(.+)-SERVICES", name))
        }
        name = min(called) if called else f"cluster{number}"
        if not called:
            draft.assume(f"clusters.{name} is called so after its id: nothing says its name")
        entry: dict[str, Any] = {"id": number, "vnet": own[0].vnet}
        pools = _pod_pools(own)
        pods = {f"ipv{pool.version}": {"pool": str(pool), "node_length": length} for pool, length in pools}
        if pods:
            entry["pods"] = pods
        services = {
            f"ipv{rule.prefix.version}": str(rule.prefix)
            for read in reads
            for rule in read.rules(f"TL-C-{name}-SERVICES")
        }
        if "ipv6" in services:
            entry["services"] = services
        entry["nodes"] = {node.name: _node(draft, node, networks[node.vnet], pools, reads) for node in own}
        clusters[name] = entry
    return clusters


def _node(
    draft: Draft, node: Speaker, network: Network, pools: list[tuple[AnyNetwork, int]], reads: Sequence[Read]
) -> dict[str, Any]:
    suffix = (node.asn - allocate.CLUSTER_ASN_BASE) % 1000
    entry: dict[str, Any] = {"role": "controlplane" if suffix < 20 else "worker", "suffix": suffix}
    entry |= _attachment(draft, node, suffix, network, reads)
    for pool, length in pools:
        for rule in _pods(node):
            if rule.exact and within(rule.prefix, pool) and rule.prefix.prefixlen == length:
                size = 1 << (pool.max_prefixlen - length)
                entry["pod_block"] = (int(rule.prefix.network_address) - int(pool.network_address)) // size
    return entry


def _pods(node: Speaker) -> list[PrefixRule]:
    """Return what a node may announce for its pods: all that is neither a host route nor a range of these."""
    return [
        rule
        for rule in node.rules
        if rule.prefix.prefixlen < rule.prefix.max_prefixlen and rule.ge != rule.prefix.max_prefixlen
    ]


def _pod_pools(nodes: Sequence[Speaker]) -> list[tuple[AnyNetwork, int]]:
    """Return the pool of each family and the length of a node's part: as a filter has it, else what holds all parts."""
    found: list[tuple[AnyNetwork, int]] = []
    for version, step in ((4, 1), (6, 4)):
        rules = [rule for node in nodes for rule in _pods(node) if rule.prefix.version == version]
        wide = [(rule.prefix, rule.ge) for rule in rules if not rule.exact and rule.ge is not None]
        if wide:
            found.append(wide[0])
            continue
        blocks = sorted({rule.prefix for rule in rules if rule.exact}, key=lambda block: block.network_address)
        if not blocks:
            continue
        pool: AnyNetwork = blocks[0]
        # Of IPv6 people take whole digits.
        while not within(blocks[-1], pool) or pool.prefixlen % step:
            pool = pool.supernet()
        found.append((pool, blocks[0].prefixlen))
    return found

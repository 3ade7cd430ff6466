"""The fabric of an existing cluster: its ASN, loopbacks, hosts, links and edges, as entries of a site.

What is inferred here is a proposal: ``trellis.adoption.adopted`` renders it again and tells what of the texts is not
in the result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from trellis.adoption.draft import Draft, secret_name
from trellis.adoption.edges import edges_of
from trellis.adoption.given import GivenCluster
from trellis.adoption.hosts import endpoint, host_entry
from trellis.adoption.links import link_edges, links_of
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.speaking import GLOBAL, Party
from trellis.plan import names
from trellis.render.defaults import FrrDefaults
from trellis.site.model import Bfd, Fabric
from trellis.site.territory import within

UNUSED_POOLS = (IPv4Network("10.255.0.0/24"), IPv6Network("fd00:0:0:ffff::/64"))
"""Ranges for loopbacks where hosts have none of their own; as in the examples."""
_TRADITIONAL_TIMERS_S = (60, 180)


def fabric(name: str, reads: Sequence[Read], cluster: GivenCluster) -> Draft:
    """Return a site with its fabric, hosts, links and edges.

    Args:
        name: The site's name.
        reads: The hosts.
        cluster: What was read.
    """
    draft = Draft({"name": name})
    asn = _fabric_asn(reads, cluster)
    loopbacks = {read.name: _loopbacks(read) for read in reads}
    edges = edges_of(reads, asn, draft)
    pools = _pools(reads, loopbacks, draft)
    ids = _ids(reads, loopbacks, pools, draft)
    draft.loopbacks = {host: loopbacks[host] for host in loopbacks}
    links = links_of(reads)
    link_edges(links, edges, draft)
    draft.data["fabric"] = _fabric_entry(reads, asn, pools, edges, links)
    if any(read.kind == "pve" for read in reads):
        controller = next((one.id for one in cluster.objects("controllers") if one.type == "evpn"), "evpn")
        draft.data["proxmox"] = {"endpoint": cluster.endpoint or endpoint(reads, draft)}
        if controller != "evpn":
            draft.data["proxmox"]["controller"] = controller
    draft.data["hosts"] = {read.name: host_entry(read, ids[read.name], draft) for read in reads}
    draft.data["links"] = links
    draft.data["edges"] = edges
    _unsigned(reads, asn, draft)
    return draft


def _fabric_asn(reads: Sequence[Read], cluster: GivenCluster) -> int:
    said = [int(one.of("asn")) for one in cluster.objects("controllers") if one.type == "evpn" and one.of("asn")]
    asns = Counter(asn for read in reads if (asn := read.asn()) is not None)
    return (said or [asn for asn, _ in asns.most_common(1)] or [65000])[0]


def _loopbacks(read: Read) -> tuple[str | None, str | None]:
    """Return a host's loopbacks: its router id where an interface has it as a host route, and the one beside it."""
    router_id = read.router_id()
    for wire in read.wires.values():
        own = wire.ipv4()
        if own is not None and str(own.ip) == router_id and own.network.prefixlen == 32:
            beside = wire.ipv6()
            return router_id, str(beside.ip) if beside is not None else None
    sources = {said for party in read.bgp.parties.values() for said in _sources(read, party)}
    ipv4 = router_id if router_id in sources else None
    return ipv4, next((source for source in sorted(sources) if ":" in source), None)


def _sources(read: Read, party: Party) -> Iterator[str]:
    source = read.bgp.word(party, "update-source") if party.vrf == GLOBAL else None
    if source is not None and re.fullmatch(r"[0-9a-fA-F:.]+", source):
        yield source
    elif source is not None and source in read.wires:
        yield from (str(address.ip) for address in read.wires[source].addresses if not address.is_link_local)


def _pools(
    reads: Sequence[Read], loopbacks: dict[str, tuple[str | None, str | None]], draft: Draft
) -> tuple[IPv4Network, IPv6Network]:
    """Return the ranges of the loopbacks: what a filter names that holds all of them, else the usual length."""
    own4 = [IPv4Address(pair[0]) for pair in loopbacks.values() if pair[0] is not None]
    own6 = [IPv6Address(pair[1]) for pair in loopbacks.values() if pair[1] is not None]
    ipv4, ipv6 = _holding(reads, own4, IPv4Network), _holding(reads, own6, IPv6Network)
    if len(own4) < len(reads) or not isinstance(ipv4, IPv4Network):
        ipv4 = _unused(reads, UNUSED_POOLS[0])
        draft.assume(f"fabric.loopbacks.ipv4 is {ipv4}: not every host has a loopback of its own")
    if len(own6) < len(reads) or not isinstance(ipv6, IPv6Network):
        ipv6 = _unused(reads, UNUSED_POOLS[1])
        draft.assume(f"fabric.loopbacks.ipv6 is {ipv6}: not every host has a loopback of its own")
    return ipv4, ipv6  # type: ignore[return-value]


def _holding(
    reads: Sequence[Read], addresses: Sequence[IPv4Address | IPv6Address], kind: type[AnyNetwork]
) -> AnyNetwork | None:
    if not addresses:
        return None
    named = {
        rule.prefix
        for read in reads
        for rules in read.lists.values()
        for rule in rules
        if rule.permits and not rule.exact and isinstance(rule.prefix, kind)
    }
    named = {prefix for prefix in named if prefix.prefixlen and all(one in prefix for one in addresses)}
    usual = kind((addresses[0], 24 if kind is IPv4Network else 64), strict=False)
    if named:
        return max(named, key=lambda prefix: prefix.prefixlen)
    return usual if all(one in usual for one in addresses) else None


def _unused(reads: Sequence[Read], first: AnyNetwork) -> AnyNetwork:
    """Return the first range from ``first`` on that no interface has an address of."""
    used = [address.network for read in reads for wire in read.wires.values() for address in wire.addresses]
    found = first
    while any(within(found, network) or within(network, found) for network in used if network.prefixlen):
        found = type(first)((int(found.broadcast_address) + 1, first.prefixlen))
    return found


def _ids(
    reads: Sequence[Read],
    loopbacks: dict[str, tuple[str | None, str | None]],
    pools: tuple[IPv4Network, IPv6Network],
    draft: Draft,
) -> dict[str, int]:
    """Return each host's id: its loopback's place in the pool, else what its router id or its name ends in."""
    found: dict[str, int] = {}
    for read in reads:
        own = loopbacks[read.name][0]
        router_id = read.router_id()
        in_pool = own is not None and IPv4Address(own) in pools[0]
        candidates = [int(IPv4Address(own)) - int(pools[0].network_address)] if own is not None and in_pool else []
        candidates += [int(IPv4Address(router_id)) & 0xFF] if router_id is not None and not candidates else []
        candidates += [int(digits[0])] if (digits := re.search(r"\d+$", read.name)) else []
        free = next(one for one in range(1, 1000) if one not in found.values())
        number = next((one for one in candidates if 1 <= one <= 999 and one not in found.values()), free)
        found[read.name] = number
        if not in_pool:
            draft.assume(f"hosts.{read.name}.id is {number}: it has no loopback that says so")
    return found


def _fabric_entry(
    reads: Sequence[Read],
    asn: int,
    pools: tuple[IPv4Network, IPv6Network],
    edges: dict[str, Any],
    links: dict[str, Any],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"asn": asn, "loopbacks": {"ipv4": str(pools[0]), "ipv6": str(pools[1])}}
    beyond = {address for edge in edges.values() for address in edge["loopback"].values()}
    ranges = list(dict.fromkeys(rule.prefix for read in reads for rule in read.rules(names.INFRASTRUCTURE)))
    if not ranges:
        ranges = list(dict.fromkeys(_link_networks(reads, links)))
    kept = [prefix for prefix in ranges if str(prefix.network_address) not in beyond and prefix not in pools]
    if kept:
        entry["infrastructure"] = [str(prefix) for prefix in kept]
    interface = _loopback_interface(reads)
    if interface is not None:
        entry["loopback_interface"] = interface
    keepalive, hold = _timers(reads)
    entry |= {"keepalive_s": keepalive, "hold_time_s": hold}
    entry |= _bfd(reads)
    marks = [line for read in reads for line in (s.line for s in read.statements) if f" {names.EXPORTED} " in line]
    if marks and (mark := re.search(r"permit (\d+):1$", marks[0])) and mark[1] != "65000":
        entry["mark_asn"] = int(mark[1])
    return entry | _reflection(reads) | _mesh_key(reads, asn)


def _link_networks(reads: Sequence[Read], links: dict[str, Any]) -> Iterator[AnyNetwork]:
    for read in reads:
        for link in links.values():
            end = link["ends"].get(read.name)
            for address in read.wires[end["interface"]].addresses if end else ():
                if not address.is_link_local:
                    yield address.network


def _loopback_interface(reads: Sequence[Read]) -> str | None:
    found = {
        wire.name
        for read in reads
        for wire in read.wires.values()
        if (own := wire.ipv4()) is not None and str(own.ip) == read.router_id() and own.network.prefixlen == 32
    }
    only = found.pop() if len(found) == 1 else None
    return None if only in (None, "lo", "dummy_underlay") else only


def _timers(reads: Sequence[Read]) -> tuple[int, int]:
    for read in reads:
        for line in read.bgp.plain.get(GLOBAL, ()):
            if found := re.fullmatch(r"timers bgp (\d+) (\d+)", line):
                return int(found[1]), int(found[2])
    traditional = any(s.line == "frr defaults traditional" for read in reads for s in read.statements)
    return _TRADITIONAL_TIMERS_S if traditional else FrrDefaults().timers_s


def _bfd(reads: Sequence[Read]) -> dict[str, Any]:
    """Return the timers of BFD where they are not the site's own: each of a profile of ours, else of the one in use."""
    found: dict[str, Any] = {}
    for key, own, used in (
        ("bfd", names.LINK_BFD, _profiles_of_links),
        ("multihop_bfd", names.MULTIHOP_BFD, _profiles_between_loopbacks),
        ("guest_bfd", names.GUEST_BFD, None),
    ):
        timers = (_profile(read, name) for read in reads for name in (own, *(used(read) if used else ())))
        first = next(filter(None, timers), None)
        if first is not None and first != Fabric.model_fields[key].default:
            found[key] = first.model_dump()
    return found


def _profiles_of_links(read: Read) -> Iterator[str]:
    for stanza, lines in read.stanzas.items():
        if stanza.startswith("interface "):
            yield from (line.rpartition(" ")[2] for line in lines if line.startswith("ip ospf bfd profile "))


def _profiles_between_loopbacks(read: Read) -> Iterator[str]:
    for party in read.bgp.neighbours(GLOBAL):
        if said := read.bgp.word(party, "bfd profile"):
            yield said


def _profile(read: Read, name: str) -> Bfd | None:
    """Return the timers of a host's BFD profile, or nothing if it has none of that name."""
    inside = read.inside("bfd")
    if f"profile {name}" not in inside:
        return None
    lines = [line.partition(" > ")[2] for line in inside if line.startswith(f"profile {name} > ")]
    said = {word.rpartition(" ")[0]: int(word.rpartition(" ")[2]) for word in lines if word[-1].isdigit()}
    usual = FrrDefaults()
    return Bfd(
        interval_ms=said.get("receive-interval", usual.bfd_interval_ms),
        multiplier=said.get("detect-multiplier", usual.bfd_multiplier),
    )


def _reflection(reads: Sequence[Read]) -> dict[str, Any]:
    reflectors = [
        read.name for read in reads if any("route-reflector-client" in statement.line for statement in read.statements)
    ]
    if not reflectors:
        return {"full_mesh_limit": len(reads)} if len(reads) > 16 else {}
    return {"route_reflectors": reflectors} | ({"full_mesh_limit": len(reads) - 1} if len(reads) <= 16 else {})


def _unsigned(reads: Sequence[Read], asn: int, draft: Draft) -> None:
    """Note the sessions that nothing signs now, with peers whose others are signed: the site signs them all."""
    edges = draft.data["edges"]
    for read in reads:
        for party in read.bgp.neighbours(GLOBAL):
            if read.bgp.word(party, "password") is not None:
                continue
            for name, edge in edges.items():
                if party.name in edge["loopback"].values() and "md5" in edge:
                    draft.assume(
                        f"edges.{name}.md5 signs every session: {read.name} has one to {party.name} without a key"
                    )
            if read.bgp.remote_as(party) == asn and "md5" in draft.data["fabric"]:
                draft.assume(f"fabric.md5 signs every session: {read.name} has one to {party.name} without a key")


def _mesh_key(reads: Sequence[Read], asn: int) -> dict[str, Any]:
    for read in reads:
        for party in read.bgp.neighbours(GLOBAL):
            key = read.bgp.word(party, "password")
            if key is not None and read.bgp.remote_as(party) == asn:
                return {"md5": secret_name(key, "fabric")}
    return {}

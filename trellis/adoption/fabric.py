"""The fabric of an existing cluster: its ASN, loopbacks, hosts, links and edges, as entries of a site.

What is inferred here is a proposal: ``trellis.adoption.adopted`` renders it again and tells what of the texts is not
in the result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from trellis.adoption import given
from trellis.adoption.given import GivenCluster
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.speaking import GLOBAL, Party
from trellis.plan import names
from trellis.render.defaults import DEFAULTS, FrrDefaults
from trellis.site.model import FrrVersion, PveVersion
from trellis.site.territory import within

UNUSED_POOLS = (IPv4Network("10.255.0.0/24"), IPv6Network("fd00:0:0:ffff::/64"))
"""Ranges for loopbacks where hosts have none of their own; as in the examples."""
_TRADITIONAL_TIMERS_S = (60, 180)
_RELEASE = re.compile(r"pve-manager/(\d+)\.(\d+)")
_FRR = re.compile(r"(?:FRRouting |frr )(\d+)\.(\d+)")


@dataclass(slots=True)
class Draft:
    """A site as far as it is inferred.

    Attributes:
        data: The object under ``trellis:site``.
        prefixes: What its prefix file says of each VNet.
        assumed: What no text says, and what was taken for it.
        names: By host, its loopbacks.
    """

    data: dict[str, Any]
    prefixes: dict[str, Any] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    loopbacks: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)

    def assume(self, text: str) -> None:
        """Note what no text says."""
        if text not in self.assumed:
            self.assumed.append(text)


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
    edges = _edges(reads, asn, draft)
    pools = _pools(reads, loopbacks, draft)
    ids = _ids(reads, loopbacks, pools, draft)
    draft.loopbacks = {host: loopbacks[host] for host in loopbacks}
    links = _links(reads, draft)
    _link_edges(links, edges, draft)
    draft.data["fabric"] = _fabric_entry(reads, asn, pools, edges, links)
    if any(read.kind == "pve" for read in reads):
        controller = next((one.id for one in cluster.objects("controllers") if one.type == "evpn"), "evpn")
        draft.data["proxmox"] = {"endpoint": cluster.endpoint or _endpoint(reads, draft)}
        if controller != "evpn":
            draft.data["proxmox"]["controller"] = controller
    draft.data["hosts"] = {read.name: _host(read, ids[read.name], draft) for read in reads}
    draft.data["links"] = links
    draft.data["edges"] = edges
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
    elif source in read.wires:
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


def _host(read: Read, number: int, draft: Draft) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number}
    text = "\n".join((read.host.text(given.VERSIONS), *(s.line for s in read.statements if not s.around)))
    if read.kind == "frr":
        entry["kind"] = "frr"
    else:
        entry["pve_version"] = _known_pve(read.name, text, draft)
    entry["frr_version"] = _known_frr(read, draft)
    entry["ssh"] = {"address": _address(read, draft)}
    if read.host.host_key is not None:
        entry["ssh"]["host_key"] = read.host.host_key
    return entry


def _known_pve(host: str, text: str, draft: Draft) -> str:
    known: tuple[str, ...] = PveVersion.__args__  # type: ignore[attr-defined]
    said = _RELEASE.search(text)
    if said is None:
        draft.assume(f"hosts.{host}.pve_version is {known[-2]}: `pveversion` of it was not read")
        return known[-2]
    release = f"{said[1]}.{said[2]}"
    return release if release in known else _nearest(f"hosts.{host}.pve_version", release, known, draft)


def _known_frr(read: Read, draft: Draft) -> str:
    known: tuple[str, ...] = FrrVersion.__args__  # type: ignore[attr-defined]
    said = _FRR.search(read.host.text(given.VERSIONS))
    if said is None:
        draft.assume(f"hosts.{read.name}.frr_version is {known[0]}: what is installed there was not read")
        return known[0]
    release = f"{said[1]}.{said[2]}"
    return release if release in known else _nearest(f"hosts.{read.name}.frr_version", release, known, draft)


def _nearest(path: str, release: str, known: tuple[str, ...], draft: Draft) -> str:
    """Return the newest known release that is not newer than one; the oldest where there is none."""
    numbers = tuple(map(int, release.split(".")))
    found = [one for one in known if tuple(map(int, one.split("."))) <= numbers]
    chosen = found[-1] if found else known[0]
    draft.assume(f"{path} is {chosen}: the host has {release}, which was never measured")
    return chosen


def _address(read: Read, draft: Draft) -> str:
    if read.host.address is not None:
        return read.host.address
    own = {str(address.ip) for address in _segments(read)} or {
        str(found.ip) for wire in read.wires.values() if (found := wire.ipv4()) and found.network.prefixlen < 31
    }
    if not own:
        draft.assume(f"hosts.{read.name}.ssh.address is its name: no address of it is known")
        return read.name
    chosen = min(own, key=lambda text: int(ip_address(text)))
    draft.assume(f"hosts.{read.name}.ssh.address is {chosen}: the lowest of its own that is on no point-to-point link")
    return chosen


def _segments(read: Read) -> Iterator[Any]:
    for name, wire in read.wires.items():
        in_ospf = any("ospf area" in line for line in read.inside(f"interface {name}"))
        if in_ospf and (own := wire.ipv4()) and own.network.prefixlen < 31:
            yield own


def _endpoint(reads: Sequence[Read], draft: Draft) -> str:
    first = next(read for read in reads if read.kind == "pve")
    address = first.host.address or _address(first, Draft({}))
    found = f"https://{f'[{address}]' if ':' in address else address}:8006"
    draft.assume(f"proxmox.endpoint is {found}: it was not named")
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
    entry |= _bfd(reads, names.LINK_BFD, "bfd") | _bfd(reads, names.GUEST_BFD, "guest_bfd")
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


def _bfd(reads: Sequence[Read], profile: str, key: str) -> dict[str, Any]:
    """Return the timers of a profile of ours, else of the one that sessions with edges have."""
    for read in reads:
        wanted = [profile]
        if key == "bfd":
            parties = [party for party in read.bgp.neighbours(GLOBAL)]
            wanted += [said for party in parties if (said := read.bgp.word(party, "bfd profile"))]
        inside = read.inside("bfd")
        for name in wanted:
            lines = [line.partition(" > ")[2] for line in inside if line.startswith(f"profile {name} > ")]
            found = {word.rpartition(" ")[0]: word.rpartition(" ")[2] for word in lines}
            if f"profile {name}" in inside:
                defaults = DEFAULTS["10.3"]
                timers = {
                    "interval_ms": int(found.get("receive-interval", defaults.bfd_interval_ms)),
                    "multiplier": int(found.get("detect-multiplier", defaults.bfd_multiplier)),
                }
                usual = {"interval_ms": defaults.bfd_interval_ms, "multiplier": defaults.bfd_multiplier}
                return {} if timers == usual else {key: timers}
    return {}


def _reflection(reads: Sequence[Read]) -> dict[str, Any]:
    reflectors = [
        read.name for read in reads if any("route-reflector-client" in statement.line for statement in read.statements)
    ]
    if not reflectors:
        return {"full_mesh_limit": len(reads)} if len(reads) > 16 else {}
    return {"route_reflectors": reflectors} | ({"full_mesh_limit": len(reads) - 1} if len(reads) <= 16 else {})


def _mesh_key(reads: Sequence[Read], asn: int) -> dict[str, Any]:
    for read in reads:
        for party in read.bgp.neighbours(GLOBAL):
            key = read.bgp.word(party, "password")
            if key is not None and read.bgp.remote_as(party) == asn:
                return {"md5": secret_name(key, "fabric")}
    return {}


def secret_name(key: str, otherwise: str) -> str:
    """Return the name of the secret that a key is: of a placeholder of ours its own, of a real key another.

    Args:
        key: What FRR's text has for the key; it goes nowhere.
        otherwise: The name of a real key.
    """
    found = re.search(r"\{\{secret:([a-z0-9-]+)\}\}", key)
    return found[1] if found else otherwise


def named(text: str, otherwise: str) -> str:
    """Return a text as a site may have it for a name.

    Args:
        text: As somebody wrote it.
        otherwise: What it is called where nothing of it is left.
    """
    return re.sub("[^a-z0-9]+", "-", text.lower())[:40].strip("-") or otherwise


def _edges(reads: Sequence[Read], asn: int, draft: Draft) -> dict[str, Any]:
    """Return the edges: eBGP neighbours of the global table, those of one description or ASN as one."""
    found: dict[tuple[int, str], dict[str, tuple[Read, Party]]] = {}
    for read in reads:
        for party in read.bgp.neighbours(GLOBAL):
            remote = read.bgp.remote_as(party)
            if remote is None or remote == asn:
                continue
            called = read.bgp.word(party, "description") or ""
            family = "ipv6" if ":" in party.name else "ipv4"
            key = remote, named(called.removesuffix("v4").removesuffix("v6"), "")
            lone = (key for key in found if key[0] == remote and family not in found[key])
            if family in found.get(key, {}) and found[key][family][1].name != party.name:
                key = remote, named(f"{key[1]}-{party.name}", party.name)
            elif key not in found and not called:
                key = next(lone, key)
            found.setdefault(key, {}).setdefault(family, (read, party))
    edges: dict[str, Any] = {}
    for (remote, called), sessions in sorted(_joined(found).items()):
        if len(sessions) < 2:
            continue  # an edge has a loopback of each family: told of by its lines
        name = called or f"edge-{remote}"
        edges[name] = {"asn": remote, "loopback": {f: sessions[f][1].name for f in sorted(sessions)}}
        read, party = sessions["ipv4"]
        hops = read.bgp.word(party, "ebgp-multihop")
        if hops is not None and hops != "5":
            edges[name]["max_hops"] = int(hops or 255)
        if (key_text := read.bgp.word(party, "password")) is not None:
            edges[name]["md5"] = secret_name(key_text, named(f"edge-{name}", "edge"))
    _accepts(reads, edges, draft)
    return edges


def _joined(
    found: dict[tuple[int, str], dict[str, tuple[Read, Party]]],
) -> dict[tuple[int, str], dict[str, tuple[Read, Party]]]:
    """Join two lone sessions with one ASN, one of each family, whatever they are described as."""
    joined = dict(found)
    for key, sessions in sorted(found.items()):
        lone = [
            other
            for other, others in joined.items()
            if other != key and other[0] == key[0] and len(others) == 1 and not set(others) & set(sessions)
        ]
        if key in joined and len(sessions) == 1 and len(lone) == 1:
            shorter = min((key, lone[0]), key=lambda one: (not one[1], len(one[1]), one[1]))
            both = {**joined.pop(key), **joined.pop(lone[0])}
            joined[shorter] = both
    return joined


def _accepts(reads: Sequence[Read], edges: dict[str, Any], draft: Draft) -> None:
    """Give the last edge what all of them together are accepted from, beside the default: no text says whose it is."""
    beyond = {rule.prefix for read in reads for rule in read.rules(names.UPSTREAM) if rule.prefix.prefixlen}
    if beyond and edges:
        chosen = sorted(edges)[-1]
        edges[chosen]["accepts"] = [str(prefix) for prefix in sorted(beyond, key=lambda one: (one.version, one))]
        if len(edges) > 1:
            draft.assume(f"edges.{chosen}.accepts has all that is accepted beside the default: no text says from whom")


def _links(reads: Sequence[Read], draft: Draft) -> dict[str, Any]:
    """Return the links: interfaces of the underlay with addresses of one subnet."""
    by_subnet: dict[AnyNetwork, list[tuple[Read, str]]] = {}
    for read in reads:
        for name in sorted(read.wires):
            subnet = _subnet_of_link(read, name)
            if subnet is not None:
                by_subnet.setdefault(subnet, []).append((read, name))
    links: dict[str, Any] = {}
    for subnet, ends in sorted(by_subnet.items(), key=lambda one: (one[0].version, one[0])):
        point_to_point = all(_is_point_to_point(read, name) for read, name in ends)
        name = "-".join(("link", *(read.name for read, _ in ends))) if point_to_point else f"segment-{len(links) + 1}"
        while name in links:
            name += "-2"
        links[name] = {
            **({} if point_to_point else {"kind": "segment"}),
            "cost": next((cost for read, one in ends if (cost := _cost(read, one)) is not None), 10),
            "mtu": min(read.wires[one].mtu or 1500 for read, one in ends),
            "ends": {read.name: _end(read, one) for read, one in ends},
        }
    return links


def _subnet_of_link(read: Read, name: str) -> AnyNetwork | None:
    wire, lines = read.wires[name], read.inside(f"interface {name}")
    own = [address for address in wire.addresses if not address.is_link_local]
    networks = [line.split() for line in read.inside("router ospf") if line.startswith("network ")]
    covered = any(
        address.version == 4 and address.ip in IPv4Network(words[1], strict=False)
        for words in networks
        for address in own
    )
    in_ospf = covered or any(re.match(r"(ip ospf|ipv6 ospf6) area ", line) for line in lines)
    passive = "ip ospf passive" in lines or f"passive-interface {name}" in read.inside("router ospf")
    shared = [address.network for address in own if address.network.prefixlen < address.max_prefixlen]
    if not in_ospf or passive or not shared:
        return None
    return min(shared, key=lambda network: network.version)


def _is_point_to_point(read: Read, name: str) -> bool:
    return any(line.endswith("network point-to-point") for line in read.inside(f"interface {name}"))


def _cost(read: Read, name: str) -> int | None:
    costs = [line.split()[-1] for line in read.inside(f"interface {name}") if re.match(r"ip(v6)? ospf6? cost ", line)]
    return int(costs[0]) if costs else None


def _end(read: Read, name: str) -> dict[str, str]:
    wire = read.wires[name]
    own = {"ipv4": wire.ipv4(), "ipv6": wire.ipv6()}
    return {"interface": name} | {family: str(address) for family, address in own.items() if address is not None}


def _link_edges(links: dict[str, Any], edges: Iterable[str], draft: Draft) -> None:
    """Give a point-to-point link with one host the only edge at its other end."""
    names_of = list(edges)
    for name, link in links.items():
        if "kind" in link or len(link["ends"]) != 1:
            continue
        if len(names_of) == 1:
            link["ends"][names_of[0]] = {"interface": "eth0"}
            draft.assume(f"links.{name}.ends.{names_of[0]}.interface is eth0: what the edge calls it is not known here")
        else:
            link["kind"] = "segment"

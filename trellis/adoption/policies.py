"""What a tenant's guests may do, and what they are told: out of FRR's sessions and filters, and radvd's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from trellis.adoption import given
from trellis.adoption.draft import Draft, secret_name
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.speaking import Party
from trellis.adoption.tenancy import Network
from trellis.plan import names
from trellis.render.defaults import ADVERTISEMENT_INTERVAL_S, PREFIX_LIFETIMES_S
from trellis.site.territory import within

_CLASS_NAMES = {number: name for name, number in names.CLASSES.items()}
_POOL_LENGTHS = {4: 24, 6: 64}
"""Lengths of a tenant's range of loopbacks where nothing says them, as in the examples."""


def policies(draft: Draft, reads: Sequence[Read], networks: dict[str, Network]) -> None:
    """Put into a site who is heard on which VNet, tenants' loopbacks, and what guests are advertised.

    Args:
        draft: The site; its tenants and VNets are there.
        reads: The hosts.
        networks: The VNets.
    """
    speaking = heard(reads, networks)
    # Who says most of a tenant's policy comes first; another VNet that has another one gets its own.
    for name in sorted(networks, key=lambda one: (not speaking[one], one)):
        network, parties, entry = networks[name], speaking[name], draft.data["vnets"][name]
        tenant = draft.data["tenants"][entry["tenant"]]
        policy = _policy(reads, name, entry["tenant"], network, parties)
        own = any(_told_by(read, party) == names.vnet_out(name) for read, party in parties)
        if own or (parties and tenant.get("guest_bgp", policy) != policy):
            entry["guest_bgp"] = policy
        elif policy is not None:
            tenant.setdefault("guest_bgp", policy)
        elif "guest_bgp" in tenant:
            entry["guest_bgp"] = {"enabled": False}
        pools = _pools(reads, entry["tenant"], network, parties, draft)
        if pools:
            tenant["loopbacks"] = tenant.get("loopbacks", {}) | pools
        told = _advertised(reads, name)
        if told is not None:
            entry["router_advertisements"] = told
        _delegate(draft, reads, name, network)


def heard(reads: Sequence[Read], networks: Mapping[str, Network]) -> dict[str, list[tuple[Read, Party]]]:
    """Return by VNet the neighbours and groups that its guests speak with, on each host.

    Args:
        reads: The hosts.
        networks: The VNets.
    """
    found: dict[str, list[tuple[Read, Party]]] = {name: [] for name in networks}
    ranges = {name: _ranges(network) for name, network in networks.items()}
    of_member: dict[str, list[str]] = {}
    for read in reads:
        for party in read.bgp.parties.values():
            members = read.bgp.members(party.vrf, party.name) if party.vrf else ()
            for member in members:
                if member not in of_member:
                    of_member[member] = [name for name, own in ranges.items() if _of_ranges(member, own)]
            for name in dict.fromkeys(name for member in members for name in of_member[member]):
                found[name].append((read, party))
    return found


def _ranges(network: Network) -> list[AnyNetwork]:
    return [pair[0] for pair in (network.own(6), network.own(4)) if pair is not None]


def _of_ranges(member: str, ranges: Sequence[AnyNetwork]) -> bool:
    network = ip_network(member, strict=False)
    return any(within(network, outer) for outer in ranges)


def _told_by(read: Read, party: Party) -> str | None:
    return next(iter(read.bgp.in_any_family(party, "route-map", " out")), None)


def _policy(
    reads: Sequence[Read], vnet: str, tenant: str, network: Network, parties: list[tuple[Read, Party]]
) -> dict[str, Any] | None:
    silenced = any("ipv6 nd ra-lifetime 0" in read.inside(f"interface {vnet}") for read in reads)
    if not parties and not silenced:
        return None
    policy: dict[str, Any] = {"enabled": True}
    ranges = _ranges(network)
    listening = [
        (read, read.bgp.parties[vrf, group])
        for read in reads
        for (vrf, prefix), group in read.bgp.listens.items()
        if (vrf, group) in read.bgp.parties and _of_ranges(prefix, ranges)
    ]
    if listening:
        policy["mode"] = "open"
        policy |= _open(*listening[0], vnet)
    policy |= _limits(parties, listening)
    groups = {party.name for _, party in parties}
    with_bfd = any(read.bgp.word(party, "bfd") is not None for read, party in parties)
    if parties and not with_bfd and not any(group.endswith("-GR") for group in groups):
        policy["bfd"] = False
    for read, party in parties:
        if (key := read.bgp.word(party, "password")) is not None:
            policy["md5"] = secret_name(key, f"guests-{tenant}")
    told = {_told_by(read, party) for read, party in parties} & {names.tenant_out(tenant), names.vnet_out(vnet)}
    classes = _classes(parties)
    if classes:
        policy["classes"] = classes
    if any(_tells_loopbacks(reads, route_map, tenant) for route_map in told if route_map):
        policy["export_peer_loopbacks"] = True
    return policy


def _tells_loopbacks(reads: Sequence[Read], route_map: str, tenant: str) -> bool:
    wanted = f"prefix-list {names.tenant_loopbacks(tenant)}"
    return any(
        opener.startswith(f"route-map {route_map} ") and any(line.endswith(wanted) for line in lines)
        for read in reads
        for opener, lines in read.stanzas.items()
    )


def _classes(parties: list[tuple[Read, Party]]) -> list[str]:
    used = {
        line.removeprefix("match community ")
        for read, party in parties
        for route_map in read.bgp.in_any_family(party, "route-map", " in")
        for opener, lines in read.stanzas.items()
        if opener.startswith(f"route-map {route_map} ")
        for line in lines
        if line.startswith("match community ")
    }
    return sorted(name for number, name in _CLASS_NAMES.items() if names.class_list(number) in used)


def _open(read: Read, group: Party, vnet: str) -> dict[str, Any]:
    """Return which ASNs and lengths anybody may have, where Trellis's own lists say it."""
    found: dict[str, Any] = {}
    for statement in read.statements:
        if match := re.fullmatch(
            rf"bgp as-path access-list {re.escape(names.open_paths(vnet))} seq 4294967295 permit (\S+)", statement.line
        ):
            first, last = _asns(match[1])
            found["asns"] = {"first": first, "last": last}
    lengths: dict[str, Any] = {}
    for rule in read.rules(names.open_list(vnet, "OPEN")):
        family, longest = f"ipv{rule.prefix.version}", rule.prefix.max_prefixlen
        shortest = rule.ge or rule.prefix.prefixlen
        if rule.prefix.prefixlen != longest:
            lengths.setdefault(family, {"shortest": shortest, "longest": rule.le or longest})
    if lengths:
        found["prefix_lengths"] = {family: lengths[family] for family in sorted(lengths)}
    return found


def _asns(pattern: str) -> tuple[int, int]:
    """Return the lowest and the highest number that `trellis.plan.as_paths` writes such an expression for."""
    parts = pattern.removeprefix("^(").partition(")")[0].split("|")
    low = [int(re.sub(r"\[(\d)-\d\]", r"\1", part)) for part in parts]
    high = [int(re.sub(r"\[\d-(\d)\]", r"\1", part)) for part in parts]
    return min(low), max(high)


def _limits(parties: list[tuple[Read, Party]], listening: list[tuple[Read, Party]]) -> dict[str, Any]:
    """Return the most prefixes and the penalty; a node's limit is that of its services, beside its own."""
    found: dict[str, Any] = {}
    for read, party in (*listening, *parties):
        for said in read.bgp.in_any_family(party, "maximum-prefix"):
            words = said.split()
            rules, lists = read.accepted(party)
            is_node = any(name.endswith(("-PODS", "-SERVICES")) for name in lists)
            services = any(name.endswith("-SERVICES") for name in lists)
            own4 = sum(1 for rule in rules if rule.exact and rule.prefix.version == 4 and rule.prefix.prefixlen == 32)
            most = int(words[0]) - own4 - any(name.endswith("-PODS") for name in lists) if is_node else int(words[0])
            if (not is_node or services) and most > 0:
                found.setdefault("max_prefixes", most)
            if len(words) == 3 and words[1] == "restart":
                found.setdefault("penalty_min", int(words[2]))
    return found


def _pools(
    reads: Sequence[Read], tenant: str, network: Network, parties: list[tuple[Read, Party]], draft: Draft
) -> dict[str, str]:
    """Return the ranges that a tenant's guests have loopbacks of."""
    found: dict[str, str] = {}
    for read in reads:
        for rule in read.rules(names.tenant_loopbacks(tenant)):
            found.setdefault(f"ipv{rule.prefix.version}", str(rule.prefix))
    subnets = [subnet for subnet, _ in network.subnets]
    for read, party in parties:
        rules, _ = read.accepted(party)
        for rule in rules:
            family, longest = f"ipv{rule.prefix.version}", rule.prefix.max_prefixlen
            outside = not any(within(rule.prefix, subnet) for subnet in subnets)
            if family in found or not outside:
                continue
            if rule.prefix.prefixlen == longest:
                pool = rule.prefix.supernet(new_prefix=_POOL_LENGTHS[rule.prefix.version])
                found[family] = str(pool)
                draft.assume(f"tenants.{tenant}.loopbacks.{family} is {pool}, by its usual length: a guest has a part")
            elif rule.ge == longest:
                found[family] = str(rule.prefix)
    return found if "ipv6" in found else {}


def _advertised(reads: Sequence[Read], vnet: str) -> dict[str, Any] | None:
    """Return what guests of a VNet are told by FRR, or by radvd."""
    for read in reads:
        lines = read.inside(f"interface {vnet}")
        if "no ipv6 nd suppress-ra" in lines:
            return _told_by_frr(lines)
        if (block := _radvd(read.host.text(given.RADVD)).get(vnet)) is not None:
            return _told_by_radvd(block)
    return None


def _told_by_frr(lines: Sequence[str]) -> dict[str, Any]:
    interval = next((int(line.split()[-1]) for line in lines if line.startswith("ipv6 nd ra-interval ")), None)
    resolvers = [line.split()[3] for line in lines if line.startswith("ipv6 nd rdnss ")]
    prefixes = [line.split()[3:] for line in lines if line.startswith("ipv6 nd prefix ")]
    current = [words for words in prefixes if "off-link" not in words]
    lifetimes = [tuple(map(int, words[1:3])) for words in current if len(words) >= 3] or [PREFIX_LIFETIMES_S]
    return _told(resolvers, interval or ADVERTISEMENT_INTERVAL_S, *lifetimes[0])


def _told_by_radvd(block: str) -> dict[str, Any]:
    def number(key: str, text: str, usual: int) -> int:
        found = re.search(rf"\b{key} (\d+);", text)
        return int(found[1]) if found else usual

    resolvers = [word for found in re.findall(r"RDNSS ([0-9a-fA-F: ]+?)\s*\{", block) for word in found.split()]
    prefixes = re.findall(r"prefix \S+\s*\{([^}]*)\}", block)
    current = [body for body in prefixes if number("AdvValidLifetime", body, 1) > 0] or [""]
    # radvd's own defaults: radvd.conf(5).
    valid, preferred = (
        number(key, current[0], usual) for key, usual in (("AdvValidLifetime", 86400), ("AdvPreferredLifetime", 14400))
    )
    return _told(resolvers, number("MaxRtrAdvInterval", block, 600), valid, preferred)


def _told(resolvers: list[str], interval: int, valid: int, preferred: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"resolvers": resolvers} if resolvers else {}
    return entry | {"max_interval_s": interval, "valid_lifetime_s": valid, "preferred_lifetime_s": preferred}


def _radvd(text: str) -> dict[str, str]:
    """Return what radvd says by interface."""
    plain = "\n".join(line.partition("#")[0] for line in text.splitlines())
    blocks: dict[str, str] = {}
    for found in re.finditer(r"\binterface (\S+)\s*\{", plain):
        depth, end = 1, found.end()
        while depth and end < len(plain):
            depth += {"{": 1, "}": -1}.get(plain[end], 0)
            end += 1
        blocks[found[1]] = plain[found.end() : end - 1]
    return blocks


def _delegate(draft: Draft, reads: Sequence[Read], vnet: str, network: Network) -> None:
    """Put a VNet's further global subnets into the prefix file: those that guests are to leave as deprecated."""
    beyond = network.beyond()
    if not beyond:
        return
    left = set()
    for read in reads:
        lines = read.inside(f"interface {vnet}")
        left |= {line.split()[3] for line in lines if re.match(r"ipv6 nd prefix \S+ 0 0\b", line)}
        block = _radvd(read.host.text(given.RADVD)).get(vnet, "")
        left |= {p for p, body in re.findall(r"prefix (\S+)\s*\{([^}]*)\}", block) if "AdvPreferredLifetime 0;" in body}
    current = [str(net) for net in beyond if str(net) not in left]
    entry: dict[str, Any] = {"current": current[0] if current else None}
    gone = [str(net) for net in beyond if str(net) not in current[:1]]
    if gone:
        entry["deprecated"] = [{"prefix": prefix, "remove_after": UNKNOWN_DATE} for prefix in gone]
        draft.assume(f"prefixes of {vnet} that guests are to leave ({', '.join(gone)}) may go after {UNKNOWN_DATE}")
    draft.prefixes[vnet] = entry
    draft.data["vnets"][vnet]["delegation"] = {"pool": f"pd-{vnet}"}
    draft.assume(f"vnets.{vnet}.delegation.pool is pd-{vnet}: which pool of the edge it comes from is not known here")


UNKNOWN_DATE = "9999-12-31T23:59:59Z"
"""When a deprecated prefix goes of which nothing says when: `trellis prefixes` sets the date."""

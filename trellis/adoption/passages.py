"""Leaks and services of a cluster that Trellis filters already: out of its own nftables text and the VRFs' routes.

A packet filter that somebody else wrote is not read: Trellis adds its own table beside it and replaces nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from trellis.adoption import given
from trellis.adoption.draft import Draft
from trellis.adoption.reading import AnyNetwork, Read
from trellis.adoption.tenancy import zone_of_vrf
from trellis.site.territory import collapsed, within

_ROUTE = re.compile(r"ipv?6? route (\S+) (\S+) nexthop-vrf \2")
_LEAK = re.compile(r"ip6? saddr \{ (.+?) \} ip6? daddr \{ (.+?) \} return comment \"leak ([a-z0-9-]+)\"")
_SERVICE = re.compile(
    r"(?:iifname \{ (?P<vnets>.+?) \} |ip6? saddr \{ (?P<sources>.+?) \} )ip6? daddr \{ (?P<to>.+?) \} "
    r"(?P<protocol>tcp|udp) dport \{ (?P<ports>.+?) \} (?:return|accept) comment \"service (?P<name>[a-z0-9-]+)\""
)


def passages(draft: Draft, reads: Sequence[Read]) -> None:
    """Put leaks and services into a site.

    Args:
        draft: The site; its zones and VNets are there.
        reads: The hosts.
    """
    leaks = _leaks(draft, reads)
    if leaks:
        draft.data["leaks"] = leaks
    services = _services(draft, reads)
    if services:
        draft.data["firewall"] = services


def _leaks(draft: Draft, reads: Sequence[Read]) -> dict[str, Any]:
    towards: dict[tuple[str, str], set[AnyNetwork]] = {}
    for read in reads:
        for opener, lines in read.stanzas.items():
            for line in lines if opener.startswith("vrf ") else ():
                if found := _ROUTE.fullmatch(line):
                    pair = zone_of_vrf(opener.removeprefix("vrf ")), zone_of_vrf(found[2])
                    towards.setdefault(pair, set()).add(ip_network(found[1]))
    named = {
        (found[3], *_words(found[1]), "to", *_words(found[2]))
        for read in reads
        for line in read.host.text(given.FIREWALL).splitlines()
        if (found := _LEAK.fullmatch(line.strip()))
    }
    leaks: dict[str, Any] = {}
    for one, other in sorted({(min(pair), max(pair)) for pair in towards}):
        if one not in draft.data["zones"] or other not in draft.data["zones"]:
            continue
        of_other, of_one = towards.get((one, other), set()), towards.get((other, one), set())
        names = [words[0] for words in named if _ends(words, of_one | of_other)]
        entry: dict[str, Any] = {"between": [one, other]}
        prefixes = [p for zone, own in ((one, of_one), (other, of_other)) for p in _part(draft, zone, own)]
        if prefixes:
            entry["prefixes"] = prefixes
        leaks[min(names) if names else f"leak-{one.lower()}-{other.lower()}"] = entry
    return leaks


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _ends(words: tuple[str, ...], prefixes: set[AnyNetwork]) -> bool:
    return any(str(prefix) in words for prefix in prefixes)


def _part(draft: Draft, zone: str, routed: set[AnyNetwork]) -> list[str]:
    """Return what a leak says of a zone: nothing if it takes part with all that its VNets have."""
    subnets = {
        ip_network(pair["prefix"])
        for vnet in draft.data["vnets"].values()
        if vnet["zone"] == zone
        for pair in vnet["subnets"].values()
    }
    whole = collapsed(routed)
    if all(any(within(subnet, one) for one in whole) for subnet in subnets):
        return []
    return [str(prefix) for prefix in whole]


def _services(draft: Draft, reads: Sequence[Read]) -> dict[str, Any]:
    gateways = {pair["gateway"]: name for name, v in draft.data["vnets"].items() for pair in v["subnets"].values()}
    found: dict[str, dict[str, Any]] = {}
    for read in reads:
        for line in read.host.text(given.FIREWALL).splitlines():
            rule = _SERVICE.fullmatch(line.strip())
            if rule is None:
                continue
            entry = found.setdefault(
                rule["name"],
                {"vnets": [], "protocol": rule["protocol"], "ports": [int(p) for p in _words(rule["ports"])], "to": []},
            )
            to = _words(rule["to"])
            of_host = [gateways[address] for address in to if address in gateways]
            vnets = of_host or [word.strip('"') for word in _words(rule["vnets"] or "")]
            if not of_host and rule["vnets"]:
                entry["to"] += [p for p in map(_prefix, to) if p not in entry["to"]]
            entry["vnets"] += [vnet for vnet in vnets if vnet not in entry["vnets"]]
    for entry in found.values():
        entry["vnets"].sort()
        if not entry["to"]:
            del entry["to"]
    return dict(sorted(found.items()))


def _prefix(text: str) -> str:
    return str(ip_network(text)) if "/" in text else str(ip_network(ip_address(text)))

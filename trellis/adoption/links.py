"""The underlay of an existing cluster: interfaces that run OSPF and have addresses of one subnet are a link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from typing import Any

from trellis.adoption.draft import Draft
from trellis.adoption.reading import AnyNetwork, Read


def links_of(reads: Sequence[Read]) -> dict[str, Any]:
    """Return the links: interfaces of the underlay with addresses of one subnet.

    Args:
        reads: The hosts.
    """
    by_subnet: dict[AnyNetwork, list[tuple[Read, str]]] = {}
    for read in reads:
        for name in sorted(read.wires):
            subnet = _subnet_of_link(read, name)
            if subnet is not None:
                by_subnet.setdefault(subnet, []).append((read, name))
    links: dict[str, Any] = {}
    for _, ends in sorted(by_subnet.items(), key=lambda one: (one[0].version, one[0])):
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


def link_edges(links: dict[str, Any], edges: Iterable[str], draft: Draft) -> None:
    """Give a point-to-point link with one host the only edge at its other end, and say which edges are on no link.

    Args:
        links: The links.
        edges: Names of the edges.
        draft: Where it is noted.
    """
    unlinked = list(edges)
    for name, link in links.items():
        if "kind" in link or len(link["ends"]) != 1:
            continue
        if len(unlinked) == 1:
            link["ends"][unlinked[0]] = {"interface": "eth0"}
            draft.assume(f"links.{name}.ends.{unlinked[0]}.interface is eth0: what the edge calls it is not known here")
        else:
            link["kind"] = "segment"
    for edge in unlinked:
        if not any(edge in link["ends"] for link in links.values()):
            draft.assume(f"edges.{edge} is on no link: add its end, with the interface and addresses that it has there")

"""What a line of FRR means, in one form for the ways there are to say it.

A peer-group is a way to say something of its members; `network` in `router ospf` one to say it of interfaces.  Two
texts that mean the same have the same meanings, whatever their groups are called.  What has no other form means itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from trellis.adoption.speaking import GLOBAL, Speaking
from trellis.adoption.statements import Statement
from trellis.adoption.wires import Wire

Meaning = tuple[str, ...]

_ROUTER = re.compile(r"router bgp (\d+)(?: vrf (\S+))?")
_AREA = re.compile(r"(ip ospf|ipv6 ospf6) area (\S+)")
_NETWORK = re.compile(r"network (\S+) area (\S+)")
_OSPF6_INTERFACE = re.compile(r"interface (\S+) area (\S+)")


def meanings(statement: Statement, bgp: Speaking, wires: Mapping[str, Wire]) -> tuple[Meaning, ...]:
    """Return what a line means; nothing if it is about nobody.

    Args:
        statement: The line.
        bgp: What its host's bgpd is told.
        wires: The host's interfaces.
    """
    opener = statement.path[0]
    if (router := _ROUTER.fullmatch(opener)) is not None:
        return tuple(_of_bgp(statement, router[2] or GLOBAL, bgp, wires))
    if len(statement.path) == 2:
        if opener == "router ospf":
            return tuple(_of_ospf(statement, wires))
        if opener == "router ospf6" and (found := _OSPF6_INTERFACE.fullmatch(statement.line)):
            return (("interface " + found[1], f"ipv6 ospf6 area {_area(found[2])}"),)
        if opener.startswith("interface ") and (found := _AREA.fullmatch(statement.line)):
            return ((opener, f"{found[1]} area {_area(found[2])}"),)
    return (statement.path,)


def implied(found: Iterable[Meaning]) -> Iterator[Meaning]:
    """Yield what FRR's defaults add to meanings: an interface of OSPF that says no type of network is a broadcast one.

    Args:
        found: The meanings of all lines of a host.
    """
    known = set(found)
    for meaning in known:
        for keyword in ("ip ospf", "ipv6 ospf6"):
            if len(meaning) == 2 and meaning[1].startswith(f"{keyword} area "):
                typed = (meaning[0], f"{keyword} network point-to-point")
                if typed not in known:
                    yield meaning[0], f"{keyword} network broadcast"


def _of_bgp(statement: Statement, vrf: str, bgp: Speaking, wires: Mapping[str, Wire]) -> Iterator[Meaning]:
    if len(statement.path) == 1:
        yield ("bgp", vrf, str(bgp.asns.get(vrf)))
        return
    words = statement.line.split(" ", 2)
    family = statement.around[1] if len(statement.around) > 1 else ""
    if words[0] == "neighbor" and len(words) == 3:
        name, said = words[1], words[2]
        if said.startswith("peer-group "):
            yield ("member", vrf, name)
        elif said == "peer-group":
            # A name for its members: what is said of them is judged by its own lines.
            yield from (("member", vrf, member) for member in bgp.members(vrf, name))
        else:
            for member in bgp.members(vrf, name):
                yield ("neighbor", vrf, member, family, _said(said, member, bgp.asns.get(vrf), wires))
    elif statement.line.startswith("bgp listen range "):
        yield ("member", vrf, words[2].split()[1])
    else:
        yield ("bgp", vrf, family, statement.line)


def _said(said: str, member: str, asn: int | None, wires: Mapping[str, Wire]) -> str:
    if said == "remote-as internal":
        return f"remote-as {asn}"
    if said.startswith("update-source ") and (wire := wires.get(said.removeprefix("update-source "))) is not None:
        own = wire.ipv6() if ":" in member else wire.ipv4()
        return f"update-source {own.ip}" if own is not None else said
    if said.startswith("password "):
        return "password"  # that it is the same one is judged where its name is given
    return said


def _of_ospf(statement: Statement, wires: Mapping[str, Wire]) -> Iterator[Meaning]:
    line = statement.line
    if (network := _NETWORK.fullmatch(line)) is not None:
        try:
            covered = IPv4Network(network[1], strict=False)
        except ValueError:
            yield statement.path
            return
        for wire in wires.values():
            if any(address.version == 4 and address.ip in covered for address in wire.addresses):
                yield f"interface {wire.name}", f"ip ospf area {_area(network[2])}"
    elif line.startswith("no passive-interface ") and line != "no passive-interface default":
        yield f"interface {line.split()[-1]}", "no ip ospf passive"
    elif line.startswith("passive-interface ") and line != "passive-interface default":
        yield f"interface {line.split()[-1]}", "ip ospf passive"
    elif re.match(r"(ospf )?router-id ", line):
        yield statement.around[0], f"ospf router-id {line.split()[-1]}"
    else:
        yield statement.path


def _area(text: str) -> str:
    return str(IPv4Address(int(text))) if text.isdigit() else text

"""Read the structure back out of a frr.conf that Proxmox generated without a frr.conf.local.

Only such a text: its blocks are Proxmox's own, so nothing here need understand more than they contain.
"""

import re

from trellis.pve.generated import DEFAULT_VRF, Generated, Instance

_BGP = re.compile(r"router bgp (\S+)(?: vrf (.+))?$")
_ROUTE_MAP = re.compile(r"route-map (\S+) (permit|deny) \d+$")


class NotGenerated(ValueError):
    """A text that Proxmox did not generate by itself: it holds a block of another kind."""


def read_generated(lines: tuple[str, ...]) -> Generated:
    """Read a generated frr.conf.

    Args:
        lines: Its lines, without line ends.

    Returns:
        Its structure.

    Raises:
        NotGenerated: It holds something that Proxmox does not generate for EVPN.
    """
    header: list[str] = []
    vrfs: dict[str, tuple[str, ...]] = {}
    instances: list[Instance] = []
    route_maps: dict[str, tuple[str, ...]] = {}
    rest = [line for line in lines if line.strip() not in ("", "!")]
    index = 0
    while index < len(rest):
        line = rest[index]
        closer = "exit-vrf" if line.startswith("vrf ") else "exit"
        if line.startswith(("vrf ", "router ", "route-map ")):
            end = rest.index(closer, index) if closer in rest[index:] else len(rest)
            body = [inner.strip() for inner in rest[index + 1 : end]]
            if line.startswith("vrf "):
                vrfs[line.removeprefix("vrf ")] = tuple(body)
            elif (bgp := _BGP.match(line)) is not None:
                instances.append(_instance(bgp.group(1), bgp.group(2) or DEFAULT_VRF, body))
            elif (entry := _ROUTE_MAP.match(line)) is not None and not body:
                route_maps[entry.group(1)] = (*route_maps.get(entry.group(1), ()), entry.group(2))
            else:
                raise _refusal(line)
            index = end
        elif instances or vrfs or route_maps:
            if line != "line vty":
                raise _refusal(line)
        elif line != "line vty":
            header.append(line)
        index += 1
    return Generated(tuple(header), tuple(sorted(vrfs.items())), tuple(instances), tuple(sorted(route_maps.items())))


def _instance(asn: str, vrf: str, body: list[str]) -> Instance:
    statements: list[str] = []
    families: list[tuple[str, tuple[str, ...]]] = []
    family: list[str] | None = None
    name = ""
    for line in body:
        if line.startswith("address-family "):
            name, family = line.removeprefix("address-family "), []
        elif line == "exit-address-family" and family is not None:
            families.append((name, tuple(family)))
            family = None
        else:
            (statements if family is None else family).append(line)
    return Instance(asn, vrf, tuple(statements), tuple(families))


def _refusal(line: str) -> NotGenerated:
    return NotGenerated(
        f"`{line}`: not a line that Proxmox generates for EVPN zones, so this is not a generated frr.conf without "
        "a frr.conf.local; merge into what trellis.pve.generate gives instead"
    )

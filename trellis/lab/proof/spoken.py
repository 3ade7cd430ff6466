"""What FRR, iproute2, ping and frr-reload print, read into values; measured on FRR 10.3.

Every function takes the output of a command that may have failed: then nothing is read out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from trellis.lab.evidence import Answer
from trellis.lab.proof import ask
from trellis.lab.proof.fabric import Address, Prefix


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An OSPF neighbour as a router sees it.

    Args:
        router_id: Its router id.
        interface: The interface that it is heard on.
        state: `Full`, `2-Way`, `Init`, ...
        role: `DR`, `Backup` or `DROther` on a segment.
    """

    router_id: str
    interface: str
    state: str
    role: str


_SPELT = {"Twoway": "2-Way", "BDR": "Backup"}
"""What ospf6d says otherwise than ospfd."""


def ospf_neighbours(said: Any, version: int) -> tuple[Neighbour, ...]:
    """Of `show ip ospf neighbor json` (version 4) or `show ipv6 ospf6 neighbor json` (version 6)."""
    return tuple(_ospf_v2(said) if version == 4 else _ospf_v3(said))


def _ospf_v2(said: Any) -> Iterator[Neighbour]:
    for router_id, entries in _mapping(_mapping(said).get("neighbors")).items():
        for entry in entries:
            state, _, role = entry["nbrState"].partition("/")
            yield Neighbour(router_id, entry["ifaceName"].partition(":")[0], state, role)


def _ospf_v3(said: Any) -> Iterator[Neighbour]:
    for entry in _mapping(said).get("neighbors", ()):
        state, role = entry["state"], entry["ifState"]
        yield Neighbour(entry["neighborId"], entry["interfaceName"], _SPELT.get(state, state), _SPELT.get(role, role))


@dataclass(frozen=True, slots=True)
class Peer:
    """A BGP session as one side sees it.

    Args:
        state: `Established`, `Idle`, ...; `absent` if there is no such neighbour.
        families: The address families that both sides agreed on, in FRR's words.
        uptime: As FRR prints it.
    """

    state: str
    families: frozenset[str] = frozenset()
    uptime: str = ""


def bgp_peer(said: Any, address: str) -> Peer:
    """Of `show bgp [vrf V] neighbors ADDRESS json`."""
    entry = _mapping(_mapping(said).get(address))
    if not entry:
        return Peer("absent")
    agreed = _mapping(_mapping(entry.get("neighborCapabilities")).get("multiprotocolExtensions"))
    families = frozenset(name for name, how in agreed.items() if _mapping(how).get("advertisedAndReceived"))
    return Peer(entry.get("bgpState", "unknown"), families, entry.get("bgpTimerUpString", ""))


def bgp_summary(said: Any) -> dict[str, Mapping[str, Any]]:
    """Of `show bgp vrf V summary json`: every peer by address, whichever its families."""
    return {
        address: peer
        for family in _mapping(said).values()
        for address, peer in _mapping(_mapping(family).get("peers")).items()
    }


@dataclass(frozen=True, slots=True)
class Route:
    """The selected route for a prefix.

    Args:
        protocol: Where it is from.
        next_hops: What the protocol gave, before it was resolved: for BGP the peers' addresses.
        installed: Whether the kernel has it.
    """

    protocol: str
    next_hops: frozenset[Address]
    installed: bool


def routes(said: Any) -> dict[Prefix, Route]:
    """Of `show ip route [vrf V] [P] json` and `show ipv6 route ...`: the selected routes."""
    found = {}
    for prefix, entries in _mapping(said).items():
        for entry in entries:
            if entry.get("selected"):
                found[ip_network(prefix)] = _route(entry)
    return found


def _route(entry: Mapping[str, Any]) -> Route:
    hops = [hop for hop in entry.get("nexthops", ()) if "ip" in hop and hop.get("active")]
    given = [hop for hop in hops if not hop.get("resolver")]
    return Route(entry["protocol"], frozenset(ip_address(hop["ip"]) for hop in given), bool(entry.get("installed")))


def bgp_prefixes(said: Any) -> frozenset[Prefix]:
    """Of `show bgp [vrf V] ipv4|ipv6 unicast json`: the prefixes in the table, used or not."""
    return frozenset(ip_network(prefix) for prefix in _mapping(_mapping(said).get("routes")))


def advertised(said: Any) -> frozenset[Prefix]:
    """Of `show bgp ipv4|ipv6 unicast neighbors P advertised-routes json`: the prefixes that the neighbour is told."""
    return frozenset(ip_network(prefix) for prefix in _mapping(_mapping(said).get("advertisedRoutes")))


@dataclass(frozen=True, slots=True)
class Device:
    """A network device.

    Args:
        mac: Its hardware address.
        addresses: Its global addresses.
        link_locals: Its IPv6 link-local addresses.
        unusable: Addresses that are still tentative, or that another node has too (`dadfailed`).
    """

    mac: str
    addresses: frozenset[Address]
    link_locals: frozenset[IPv6Address]
    unusable: frozenset[Address]


def device(said: Any) -> Device | None:
    """Of `ip -j address show dev D`; None if there is no such device."""
    entry = next((found for found in said or () if found.get("ifname")), None)
    if entry is None:
        return None
    own = [(ip_address(info["local"]), info) for info in entry["addr_info"]]
    return Device(
        mac=entry["address"],
        addresses=frozenset(address for address, info in own if info["scope"] == "global"),
        link_locals=frozenset(a for a, info in own if info["scope"] == "link" and isinstance(a, IPv6Address)),
        unusable=frozenset(a for a, info in own if info.get("dadfailed") or info.get("tentative")),
    )


def default_via(said: Any) -> tuple[str, frozenset[Address]]:
    """Of `ip -j route show default`: protocol and gateways of the best default route, empty without one."""
    best = min(said or (), key=lambda entry: entry.get("metric", 0), default=None)
    if best is None:
        return "", frozenset()
    hops = best.get("nexthops", [best])
    gateways = [hop.get("gateway") or _mapping(hop.get("via")).get("host") for hop in hops]
    return best.get("protocol", ""), frozenset(ip_address(gateway) for gateway in gateways if gateway)


def chosen_source(said: Any) -> Address | None:
    """Of `ip -j route get`: the address that the kernel would send from; None where there is no way."""
    source = _mapping((said or [None])[0]).get("prefsrc")
    return ip_address(source) if source else None


@dataclass(frozen=True, slots=True)
class Echoes:
    """What came back of a ping.

    Args:
        sent: Requests sent.
        answered: Their numbers, from 1, of those that were answered.
        average_ms: Mean round trip; None without an answer.
    """

    sent: int
    answered: frozenset[int]
    average_ms: float | None

    @property
    def steady(self) -> bool:
        """Whether all but the first were answered; the first may be lost while neighbours are resolved."""
        return self.sent > 1 and set(range(2, self.sent + 1)) <= self.answered


def echoes(output: str) -> Echoes:
    """Of `ping`."""
    sent = re.search(r"(\d+) packets transmitted", output)
    average = re.search(r"= [\d.]+/([\d.]+)/", output)
    replies = re.findall(r"bytes from .* icmp_seq=(\d+) (?!.*DUP!)", output)
    return Echoes(int(sent[1]) if sent else 0, frozenset(map(int, replies)), float(average[1]) if average else None)


@dataclass(frozen=True, slots=True)
class Connection:
    """What became of an attempt to connect by TCP.

    Args:
        state: `connected`, `refused` (also when nobody answered in time), or `not tried` if the question could not be
            asked at all, which proves nothing.
        told: The same for people, with the first line that the other side said.
    """

    state: str
    told: str


_NO_WAY = re.compile(
    r"Connection refused|No route to host|Network is unreachable|Connection timed out|Permission denied|timed out"
)


def connection(answer: Answer) -> Connection:
    """Of `ask.tcp`: bash prints `connected` and what it read, or why it could not; `timeout` ends it with 124."""
    lines = answer.output.splitlines()
    if lines and lines[0] == ask.CONNECTED:
        return Connection("connected", " ".join(["connected", *(f"({line})" for line in lines[1:2] if line)]))
    if (reason := _NO_WAY.search(answer.errors)) is not None:
        return Connection("refused", reason[0].lower())
    if answer.status == 124 and not answer.errors.strip():
        return Connection("refused", f"no answer in {answer.seconds:.0f} s")
    return Connection("not tried", f"not tried: {answer.errors.strip() or f'exit status {answer.status}'}")


_COUNTER = re.compile(r'counter packets (\d+) .*comment "([^"]*)"')


def counters(output: str) -> dict[str, int]:
    """Of `ask.drops`: packets by the name of the rule, those of one name added up."""
    found: dict[str, int] = {}
    for packets, name in _COUNTER.findall(output):
        found[name] = found.get(name, 0) + int(packets)
    return found


def rules_that_counted(before: str, after: str) -> str:
    """Which named rules have counted packets between two answers, for people: `R12 other zone 4`."""
    earlier = counters(before)
    grown = {name: count - earlier.get(name, 0) for name, count in counters(after).items()}
    return ", ".join(f"{name} {count}" for name, count in sorted(grown.items()) if count > 0)


@dataclass(frozen=True, slots=True)
class Heard:
    """How many of a crafted pair of packets came in."""

    icmp: int
    tcp: int


def heard(said: Any) -> dict[str, Heard]:
    """Of `ask.watch`: what came in, by entry."""
    return {entry: Heard(counts["icmp"], counts["tcp"]) for entry, counts in _mapping(said).items()}


def advertisements(output: str) -> int | None:
    """Of `ask.advertisements_heard`: router advertisements that the host took in; None if it does not say."""
    found = re.search(r"^Icmp6InRouterAdvertisements\s+(\d+)$", output, re.MULTILINE)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class BfdPeer:
    """A BFD session.

    Args:
        peer: The other end.
        vrf: Where it is spoken with; `default` for links, hosts and edges.
        up: Whether it is up.
    """

    peer: Address
    vrf: str
    up: bool


def bfd_peers(said: Any) -> tuple[BfdPeer, ...]:
    """Of `show bfd peers json`."""
    return tuple(BfdPeer(ip_address(entry["peer"]), entry["vrf"], entry["status"] == "up") for entry in said or ())


_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d .*")
_HEADING = re.compile(r"Lines To (Add|Delete)")
_ALWAYS_LISTED = re.compile(r"line vty|exit|end|frr version .*|!?")
"""What FRR never prints back as it is written, or prints itself: listed on every run, and without effect."""


def reload_differences(output: str) -> tuple[str, ...] | None:
    """Of `frr-reload.py --test`: the lines that a reload would add (`+`) or delete (`-`) though all is applied.

    Returns:
        Those lines; None if the output is not that of a finished run.
    """
    found: list[str] = []
    heading = None
    for line in output.splitlines():
        if match := _HEADING.fullmatch(line.strip()):
            heading = "+" if match[1] == "Add" else "-"
        elif line.strip("= ") and not _LOG_LINE.match(line):
            if heading is None:
                return None
            if not _ALWAYS_LISTED.fullmatch(line.strip()):
                found.append(f"{heading} {line.rstrip()}")
    return tuple(found)


def _mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}

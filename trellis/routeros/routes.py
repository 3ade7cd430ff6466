"""Which of an edge's routes compete with those that hosts announce to it (field incident I10): pure rules.

A route of the old VLAN, a static one or the unreachable one of a DHCPv6 client has a lower distance than BGP's 20, so
that the router takes it, and what is sent to the VNet's guests goes elsewhere.  Fields are RouterOS 7's, as its console
names them (`/console inspect` of `/ip/route` and `/ipv6/route`); a flag that is not set may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from trellis.routeros.problem import RouterosProblem
from trellis.site.refusal import Refusal

AnyNetwork = IPv4Network | IPv6Network

_FIELDS = "dst-address,gateway,immediate-gw,distance,routing-table,active,blackhole,bgp,connect,dhcp,ospf,static"
QUESTIONS = {
    "/rest/ipv6/route": f"/rest/ipv6/route?.proplist={_FIELDS},slaac",
    "/rest/ip/route": f"/rest/ip/route?.proplist={_FIELDS}",
}
"""What is asked, by path."""

_KINDS = {"connect": "connected", "static": "static", "dhcp": "DHCP", "slaac": "SLAAC", "ospf": "OSPF", "bgp": "BGP"}
_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Route:
    """A route by which a router forwards.

    Attributes:
        destination: Where to.
        gateway: By whom: addresses, or interfaces; empty where it goes nowhere.
        distance: How near; the least wins.  None where the router does not say.
        kind: Where it is from, as in ``connected``.
    """

    destination: AnyNetwork
    gateway: str
    distance: int | None
    kind: str


@dataclass(frozen=True, slots=True)
class Competing:
    """A route that takes what is sent to a VNet.

    Attributes:
        vnet: Id of the VNet.
        prefix: Its subnet.
        route: The route, to all of that or to a part.
    """

    vnet: str
    prefix: AnyNetwork
    route: Route


def routes(edge: str, said: Mapping[str, Iterable[Mapping[str, str]]]) -> tuple[Route, ...]:
    """Return the routes by which a router forwards: active ones, in its main table.

    Args:
        edge: Name of the edge that answered.
        said: What it said, by path.

    Raises:
        RouterosProblem: A route leads nobody knows where to, or there is none: a router that has an address has one.
    """
    refusals: list[Refusal] = []
    found: list[Route] = []
    active = [(path, entry) for path, entries in said.items() for entry in entries if entry.get("active") == "true"]
    for path, entry in active:
        text = entry.get("dst-address", "")
        if "%" in text or entry.get("routing-table", _MAIN) != _MAIN:
            continue  # on one link only ("fe80::%ether1/64"), or of another table
        destination = _network(text)
        if destination is None:
            refusals.append(_unclear(edge, path, text))
        else:
            found.append(Route(destination, _gateway(entry), _distance(entry), _kind(entry)))
    if not active:
        rule, why = "an edge has active routes", "nothing could be told from an answer without any"
        remedy = "RouterOS 7 marks them `active`; look at `/ipv6/route/print` there, and whether the user may read it"
        refusals.append(Refusal(f"GET {' and '.join(said)}", "no active route", rule, why, remedy))
    if refusals:
        raise RouterosProblem(edge, refusals)
    return tuple(found)


def competing(
    vnets: Mapping[str, Iterable[AnyNetwork]], hosts: Iterable[str], known: Iterable[Route]
) -> tuple[Competing, ...]:
    """Return the routes that take what is sent to VNets: into a subnet of theirs, and not by BGP from a host.

    Args:
        vnets: The subnets of each VNet, its own and those of delegated prefixes.
        hosts: The addresses of hosts, as next hops.
        known: The routes by which the edge forwards.
    """
    own = {ip_address(host) for host in hosts}
    foreign = [route for route in known if not (route.kind == "BGP" and leads_to(route.gateway, own))]
    found = [
        Competing(vnet, prefix, route)
        for vnet, prefixes in vnets.items()
        for prefix in prefixes
        for route in foreign
        if _within(route.destination, prefix)
    ]
    return tuple(sorted(found, key=lambda one: (one.vnet, str(one.prefix), str(one.route.destination), one.route.kind)))


def _within(inner: AnyNetwork, outer: AnyNetwork) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def leads_to(gateway: str, own: Set[IPv4Address | IPv6Address]) -> bool:
    """Return whether each of a route's gateways (several have equal cost) is one of some addresses.

    Args:
        gateway: As a route has it.
        own: The addresses.
    """
    named = [one.strip().partition("%")[0] for one in gateway.split(",")]
    return all(map(_is_address, named)) and {*map(ip_address, named)} <= own


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _network(text: str) -> AnyNetwork | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _gateway(entry: Mapping[str, str]) -> str:
    return entry.get("gateway") or entry.get("immediate-gw", "")


def _distance(entry: Mapping[str, str]) -> int | None:
    text = entry.get("distance", "")
    return int(text) if text.isascii() and text.isdecimal() else None


def _kind(entry: Mapping[str, str]) -> str:
    flags = [shown for flag, shown in _KINDS.items() if entry.get(flag) == "true"]
    origin = flags[0] if flags else "of unknown origin"
    # A blackhole is a property, as in `blackhole=""`, or a flag.
    return f"{origin}, unreachable" if entry.get("blackhole", "false") != "false" else origin


def _unclear(edge: str, path: str, text: str) -> Refusal:
    rule = "a route has a destination, as a prefix"
    why = "whether it takes what is sent to a VNet, nobody could tell"
    return Refusal(
        f"GET {path}", text or "no dst-address", rule, why, f"look at {path.removeprefix('/rest')} of {edge}"
    )

"""Why a route of a guest is refused, said from the site's policy and the route alone.

Hosts refuse by their filters and give no reason; this finds the first rule that a route breaks, with the values that
were compared.  It never decides whether a route *is* refused: hosts do, and a property test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trellis.plan.rules.filters import Span
from trellis.reach.known import AnyNetwork, Known, Network, Party, network

_SHOWN = 3
"""How many ranges a sentence names; a reason has 255 characters."""

_PATH_SHOWN = 100


class Code(StrEnum):
    """Why a route, or a session, is refused; for programs."""

    OUTSIDE_RANGE = "outside_range"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NOT_THIS_GUESTS = "not_this_guests"
    INFRASTRUCTURE = "infrastructure"
    ASN = "asn"
    AS_PATH = "as_path"
    LIMIT = "limit"
    DEFAULT_ROUTE = "default_route"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a route is refused: for programs, and for people."""

    code: Code
    sentence: str


def judge(known: Known, party: Party, asn: int, prefix: str, as_path: str) -> Rejection | None:
    """Return the first rule that a route breaks; None if it breaks none.

    Args:
        known: The site's guests and VNets.
        party: Who announced it.
        asn: The ASN that it has in its session.
        prefix: What it announced.
        as_path: The path that it gave, as bgpd prints it.
    """
    return next(_broken(known, party, asn, prefix, as_path), None)


def of_prefix(known: Known, party: Party, prefix: str) -> Rejection | None:
    """Return the first rule that a prefix breaks, whatever its path; None if it breaks none.

    Args:
        known: The site's guests and VNets.
        party: Who announced it.
        prefix: What it announced.
    """
    return next(_of_prefix(known, party, prefix), None)


def of_path(known: Known, party: Party, asn: int, as_path: str) -> Rejection | None:
    """Return the first rule that a path breaks, whatever it leads to; None if it breaks none.

    Args:
        known: The site's guests and VNets.
        party: Who announced it.
        asn: The ASN that it has in its session.
        as_path: The path that it gave, as bgpd prints it.
    """
    of_session = _asn(party.network, asn) if party.guest is None else iter(())
    return next(of_session, None) or next(_path(known, party, as_path), None)


def over_limit(limits: tuple[int, int]) -> str:
    """Return what is said of a guest that announced more than it may.

    Args:
        limits: Most prefixes: IPv4, then IPv6.
    """
    said = str(limits[1]) if limits[0] == limits[1] else f"{limits[0]} IPv4, {limits[1]} IPv6"
    return f"Max-prefix limit ({said}) exceeded"


def _broken(known: Known, party: Party, asn: int, prefix: str, as_path: str) -> Iterator[Rejection]:
    if party.guest is None:
        yield from _asn(party.network, asn)
    yield from _of_prefix(known, party, prefix)
    yield from _path(known, party, as_path)


def _of_prefix(known: Known, party: Party, prefix: str) -> Iterator[Rejection]:
    route = network(prefix)
    if route.prefixlen == 0:
        yield Rejection(Code.DEFAULT_ROUTE, f"{prefix} is the default route, which no guest may announce")
    for own in known.infrastructure:
        if _inside(route, network(own)):
            yield Rejection(Code.INFRASTRUCTURE, f"{prefix} is in {own}, which is the fabric's")
    if party.guest is None:
        yield from _of_open(known, party.network, route)
    else:
        yield from _of_bound(known, party.guest.name, party.guest.spans, route)


def _asn(open_network: Network, asn: int) -> Iterator[Rejection]:
    first, last = open_network.asns
    if not first <= asn <= last:
        yield Rejection(Code.ASN, f"ASN {asn} is not in {first}-{last} (vnet {open_network.name})")
    if asn in open_network.owned_asns:
        yield Rejection(Code.ASN, f"ASN {asn} is a declared guest's (vnet {open_network.name})")


def _of_bound(known: Known, name: str, spans: Sequence[Span], route: AnyNetwork) -> Iterator[Rejection]:
    own = [(network(prefix), shortest, longest) for prefix, shortest, longest in spans]
    inside = [span for span in own if _inside(route, span[0])]
    if any(shortest <= route.prefixlen <= longest for _, shortest, longest in inside):
        return
    for outer, shortest, longest in inside:
        code, word = (Code.TOO_LONG, "longer") if route.prefixlen > longest else (Code.TOO_SHORT, "shorter")
        allowed = longest if code == Code.TOO_LONG else shortest
        yield Rejection(code, f"{route} is {word} than the /{allowed} that {name} may announce of {outer}")
    for inner, _, _ in own:
        if _inside(inner, route):
            yield Rejection(
                Code.TOO_SHORT, f"{route} is more than {inner}, which is all that {name} may announce of it"
            )
    owner = known.owner(route)
    if owner not in (None, name):
        yield Rejection(Code.NOT_THIS_GUESTS, f"{route} is guest {owner}'s, not {name}'s")
    yield Rejection(Code.OUTSIDE_RANGE, f"{route} is not in {_listed([span[0] for span in spans])} (guest {name})")


def _of_open(known: Known, open_network: Network, route: AnyNetwork) -> Iterator[Rejection]:
    where = f"(vnet {open_network.name})"
    shortest, longest = open_network.lengths[0 if route.version == 4 else 1]
    for taken in open_network.taken:
        if _inside(route, network(taken)):
            owner = known.owner(route)
            whose = f"guest {owner}'s" if owner else "somebody else's"
            yield Rejection(Code.NOT_THIS_GUESTS, f"{route} is {whose}: it is in {taken} {where}")
    if not any(_inside(route, network(allowed)) for allowed in open_network.ranges):
        wider = [allowed for allowed in open_network.ranges if _inside(network(allowed), route)]
        if wider:
            yield Rejection(Code.TOO_SHORT, f"{route} is more than {wider[0]} {where}")
        same = [allowed for allowed in open_network.ranges if network(allowed).version == route.version]
        yield Rejection(Code.OUTSIDE_RANGE, f"{route} is not in {_listed(same)} {where}")
    if route.prefixlen > longest:
        yield Rejection(Code.TOO_LONG, f"{route} is longer than /{longest} {where}")
    if route.prefixlen < shortest:
        yield Rejection(Code.TOO_SHORT, f"{route} is shorter than /{shortest} {where}")


def _path(known: Known, party: Party, as_path: str) -> Iterator[Rejection]:
    """Yield which ASN of a path may not stand in it."""
    shown = as_path if len(as_path) <= _PATH_SHOWN else f"{as_path[:_PATH_SHOWN]}..."
    first, last = party.network.asns
    for number in map(int, re.findall(r"\d+", as_path)):
        if number in known.infrastructure_asns:
            yield Rejection(Code.AS_PATH, f"its AS path ({shown}) holds {number}, which is the infrastructure's")
        elif party.guest is None and (number in party.network.owned_asns or not first <= number <= last):
            where = f"{first}-{last}, or is a declared guest's (vnet {party.network.name})"
            yield Rejection(Code.AS_PATH, f"its AS path ({shown}) holds {number}, which is not in {where}")


def _listed(ranges: Sequence[str]) -> str:
    if not ranges:
        return "any range of that family"
    more = f" and {len(ranges) - _SHOWN} more" if len(ranges) > _SHOWN else ""
    return ", ".join(ranges[:_SHOWN]) + more


def _inside(inner: AnyNetwork, outer: AnyNetwork) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]

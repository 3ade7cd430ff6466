"""What a person means by a guest, a prefix, a path and communities; what can't be meant is said to be a mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from trellis.plan.model import GuestPlan, HostPlan, Plan, VnetPlan
from trellis.plan.rules.filters import Route
from trellis.reach.fabric import Address, Fabric, Network
from trellis.reach.places import UnknownPlaceError, unknown

OWN = "own"
"""Stands for a guest's loopbacks, of both families."""

LARGEST_ASN = 4294967294
_STANDARD = re.compile(r"(\d{1,5}):(\d{1,5})")
_LARGE = re.compile(r"(\d{1,10}):(\d{1,10}):(\d{1,10})")
_TARGET = re.compile(r"(?:rt|target):(\d{1,10}):(\d{1,10})")


@dataclass(frozen=True, slots=True)
class Question:
    """A route of a guest, as it leaves the guest.

    Attributes:
        name: A declared guest's name, else the address that speaks.
        planned: The guest; None for one that nobody declared.
        asn: The ASN that it opens its session with.
        path: The whole AS path, its own ASN first.
        route: The prefix and its standard and large communities.
        targets: Its route targets, as they were given.
        announced: How many prefixes of this family it announces in all that are accepted; 0 where nobody says.
    """

    name: str
    address: str
    planned: GuestPlan | None
    vnet: VnetPlan
    host: HostPlan
    asn: int
    path: tuple[int, ...]
    route: Route
    targets: tuple[str, ...] = ()
    announced: int = 0

    @property
    def prefix(self) -> str:
        """The prefix as text."""
        return str(self.route.prefix)

    @property
    def communities(self) -> tuple[str, ...]:
        """All communities, as they were given."""
        return (*sorted(self.route.communities), *sorted(self.route.large), *self.targets)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a route beside its prefix; each by default as the guest would have it.

    Attributes:
        path: ASNs behind the guest's own, the nearest first.
        communities: ``65000:200``, large ones as ``4200001000:0:200``, route targets as ``rt:65000:4097``.
        asn: With which the session is opened.
        host: Where the guest is, if not where it starts.
        announced: How many prefixes of the family it announces in all.
    """

    path: tuple[int, ...] = ()
    communities: tuple[str, ...] = ()
    asn: int | None = None
    host: str | None = None
    announced: int = 0


def questions(fabric: Fabric, guest: str, prefix: str, said: Said = Said()) -> tuple[Question, ...]:
    """Return what is asked: one route, or one for each loopback where ``prefix`` is ``own``.

    Args:
        fabric: The fabric.
        guest: A guest's name, or any address of a VNet.
        prefix: A prefix, an address for its host route, or ``own``.
        said: What else is known of the route.

    Raises:
        UnknownPlaceError: If that can't be: no such guest, no prefix, no ASN.
    """
    planned, vnet, address = _speaker(fabric, guest)
    host = _host(fabric, planned, vnet, said.host)
    asn = _asn(said.asn) if said.asn is not None else _own_asn(fabric.plan, planned, vnet)
    path = (asn, *map(_asn, said.path))
    standard, large, targets = _communities(said.communities)
    name = planned.guest.name if planned is not None else guest
    return tuple(
        Question(
            name=name,
            address=address,
            planned=planned,
            vnet=vnet,
            host=host,
            asn=asn,
            path=path,
            route=Route(route, standard, large, extended=bool(targets)),
            targets=targets,
            announced=said.announced,
        )
        for route in _prefixes(planned, name, prefix)
    )


def _speaker(fabric: Fabric, name: str) -> tuple[GuestPlan | None, VnetPlan, str]:
    """Return who speaks, on which VNet, from which address."""
    planned = fabric.guests.get(name)
    if planned is None:
        try:
            address = ip_address(name)
        except ValueError:
            raise UnknownPlaceError(unknown(name, "guest", fabric.guests)) from None
        planned = fabric.guests_by_address.get(address) or _by_delegated(fabric, address)
        if planned is None:
            return None, _vnet_of(fabric, address), str(address)
    return planned, fabric.vnets[planned.guest.vnet], str(planned.guest.ipv6)


def _by_delegated(fabric: Fabric, address: Address) -> GuestPlan | None:
    return next((found for found in fabric.plan.guests if address in found.guest.global_ipv6), None)


def _vnet_of(fabric: Fabric, address: Address) -> VnetPlan:
    if address in fabric.gateways:
        raise UnknownPlaceError(
            f"{address} is the gateway of {fabric.gateways[address].name}, to which guests speak: name who speaks"
        )
    for vnet in fabric.plan.vnets:
        if any(address in ip_network(subnet) for subnet in vnet.every_subnet):
            return vnet
    raise UnknownPlaceError(f"{address} is in no VNet's subnet, so that nobody speaks from there: name a guest")


def _host(fabric: Fabric, planned: GuestPlan | None, vnet: VnetPlan, named: str | None) -> HostPlan:
    possible = planned.hosts if planned is not None else fabric.zones[vnet.zone].hosts
    if named is None:
        named = planned.guest.host if planned is not None else next(iter(possible), None)
    if named is None:
        raise UnknownPlaceError(f"no host carries zone {vnet.zone}: zones.{vnet.zone}.nodes")
    if named not in fabric.hosts:
        raise UnknownPlaceError(unknown(named, "host", fabric.hosts))
    if named not in possible:
        who = f"{planned.guest.name} may run on" if planned is not None else f"zone {vnet.zone} is on"
        raise UnknownPlaceError(f"{who} {', '.join(possible)}, not on {named}")
    return fabric.hosts[named]


def _own_asn(plan: Plan, planned: GuestPlan | None, vnet: VnetPlan) -> int:
    """Return the ASN that a guest has; one that nobody declared takes the first of its VNet that is nobody's."""
    if planned is not None:
        return planned.guest.asn
    if vnet.peering is None:
        return LARGEST_ASN
    first, last, owned = vnet.peering.first_asn, vnet.peering.last_asn, vnet.peering.owned_asns
    return next((asn for asn in range(first, last + 1) if asn not in owned and asn != plan.asn), first)


def _asn(number: int) -> int:
    if not 1 <= number <= LARGEST_ASN:
        raise UnknownPlaceError(f"{number} is no ASN: 1 to {LARGEST_ASN} (RFC 6793, RFC 7300)")
    return number


def _prefixes(planned: GuestPlan | None, name: str, text: str) -> tuple[Network, ...]:
    if text == OWN:
        if planned is None or not planned.guest.loopbacks:
            raise UnknownPlaceError(f"{name} has no loopback in the site: name a prefix")
        return planned.guest.loopbacks
    try:
        return (ip_network(text),)
    except ValueError:
        pass
    try:
        meant = ip_interface(text).network
    except ValueError:
        example = "10.101.254.6/32, fd00:101:fe::6, or `own` for the guest's loopbacks"
        raise UnknownPlaceError(f"{text} is no prefix; write it as {example}") from None
    raise UnknownPlaceError(f"{text} has host bits, which no route has; is {meant} meant?")


def _communities(texts: Sequence[str]) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Return standard communities, large ones and route targets, each as FRR prints it."""
    kinds: tuple[list[str], list[str], list[str]] = ([], [], [])
    for text in texts:
        for found, (form, largest) in zip(
            kinds, ((_STANDARD, 65535), (_LARGE, 2**32 - 1), (_TARGET, 2**32 - 1)), strict=True
        ):
            match = form.fullmatch(text)
            if match is not None and all(int(part) <= largest for part in match.groups()):
                prefix = "rt:" if form is _TARGET else ""
                found.append(prefix + ":".join(str(int(part)) for part in match.groups()))
                break
        else:
            meant = "65000:200, a large one 4200001000:0:200, or a route target rt:65000:4097"
            raise UnknownPlaceError(f"{text} is no community; write it as {meant}")
    return frozenset(kinds[0]), frozenset(kinds[1]), tuple(sorted(kinds[2]))

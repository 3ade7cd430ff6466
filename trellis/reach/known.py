"""What the site says of guests that speak BGP, looked up by what a host sees: a VRF and an address.

Made from the plan alone; the store names rows by it, and reasons are given from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from trellis.plan import Plan
from trellis.plan.model import GuestPlan, VnetPlan
from trellis.plan.names import vrf_name
from trellis.plan.rules.filters import Span

AnyNetwork = IPv4Network | IPv6Network
Mode = Literal["bound", "open"]


@dataclass(frozen=True, slots=True)
class Network:
    """A VNet on which guests may speak BGP.

    Attributes:
        name: The VNet's id.
        gateway: The anycast gateway that they speak with.
        asn: The fabric's ASN, which the gateway has.
        asns: The first and the last ASN that a guest of an open VNet may have.
        owned_asns: ASNs between them that declared guests have.
        lengths: Shortest and longest prefix that such a guest may announce: IPv4, then IPv6.
        ranges: Where its prefixes must be.
        taken: What of that belongs to somebody else.
        penalty_min: Minutes that a guest over its limit stays off.
    """

    name: str
    vrf: str
    tenant: str
    subnets: tuple[str, ...]
    gateway: str
    asn: int
    mode: Mode = "bound"
    asns: tuple[int, int] = (65200, 65299)
    owned_asns: tuple[int, ...] = ()
    lengths: tuple[tuple[int, int], tuple[int, int]] = ((32, 32), (128, 128))
    max_prefixes: int = 10
    penalty_min: int = 5
    ranges: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()

    def holds(self, address: str) -> bool:
        """Whether an address is of the VNet."""
        found = ip_address(address)
        return any(found in network(subnet) for subnet in self.subnets)


@dataclass(frozen=True, slots=True)
class Declared:
    """A guest of the site.

    Attributes:
        network: The VNet's id.
        address: What it speaks from.
        hosts: Where it may run.
        limits: Most prefixes: IPv4, then IPv6.
        spans: What it may announce: a prefix, with the shortest and the longest length inside it.
        vmid: Its VM in Proxmox, where the site says so.
        others: Its addresses in prefixes that are delegated to the VNet.
    """

    name: str
    network: str
    address: str
    asn: int
    mac: str
    hosts: tuple[str, ...] = ()
    limits: tuple[int, int] = (10, 10)
    spans: tuple[Span, ...] = ()
    vmid: int | None = None
    nic: int = 0
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Party:
    """Who an address is: a guest of a VNet, declared or not."""

    network: Network
    guest: Declared | None

    @property
    def name(self) -> str | None:
        """The guest's name in the site."""
        return None if self.guest is None else self.guest.name

    @property
    def limits(self) -> tuple[int, int]:
        """Most prefixes that it may announce: IPv4, then IPv6."""
        return (self.network.max_prefixes,) * 2 if self.guest is None else self.guest.limits


@dataclass(frozen=True)
class Known:
    """All that is known of guests.

    Attributes:
        networks: VNets on which guests are heard, by name.
        guests: Declared guests of those VNets, by VNet and address.
        infrastructure: Prefixes that no guest may announce.
        infrastructure_asns: ASNs that no guest's path may hold.
    """

    networks: Mapping[str, Network]
    guests: Mapping[tuple[str, str], Declared]
    infrastructure: tuple[str, ...] = ()
    infrastructure_asns: frozenset[int] = frozenset()
    _owners: dict[AnyNetwork, str] = field(init=False, repr=False, compare=False)
    _by_address: dict[tuple[str, str], Declared] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owners = {network(prefix): guest.name for guest in self.guests.values() for prefix, _, _ in guest.spans}
        by_address = {(guest.network, other): guest for guest in self.guests.values() for other in guest.others}
        by_address |= self.guests
        owners |= {network(guest.address): guest.name for guest in self.guests.values()}
        object.__setattr__(self, "_owners", owners)
        object.__setattr__(self, "_by_address", by_address)

    def party(self, vrf: str | None, address: str) -> Party | None:
        """Who has an address in a VRF (None: in any); None if it is in no VNet that is heard."""
        for found in self.networks.values():
            if vrf in (None, found.vrf) and found.holds(address):
                return Party(found, self._by_address.get((found.name, address)))
        return None

    def owner(self, prefix: AnyNetwork) -> str | None:
        """The declared guest that a prefix is of, or lies in what is of it."""
        for length in range(prefix.prefixlen, -1, -1):
            if (name := self._owners.get(prefix.supernet(new_prefix=length))) is not None:
                return name
        return None


@cache
def network(prefix: str) -> AnyNetwork:
    """Return a prefix as a value, parsed once."""
    return ip_network(prefix)


def known(plan: Plan) -> Known:
    """Return what a plan says of guests that speak BGP.

    Args:
        plan: The plan of the site that is deployed.
    """
    networks = {vnet.name: _network(plan, vnet) for vnet in plan.vnets if vnet.peering is not None}
    guests = {
        (guest.guest.vnet, str(guest.guest.ipv6)): _declared(guest)
        for guest in plan.guests
        if guest.guest.vnet in networks
    }
    return Known(networks, guests, plan.infrastructure, frozenset(plan.infrastructure_asns))


def _network(plan: Plan, vnet: VnetPlan) -> Network:
    peering = vnet.peering
    assert peering is not None
    return Network(
        name=vnet.name,
        vrf=vrf_name(vnet.zone),
        tenant=vnet.tenant,
        subnets=vnet.every_subnet,
        gateway=next(gateway for gateway in vnet.gateways if ":" in gateway),
        asn=plan.asn,
        mode=peering.mode,
        asns=(peering.first_asn, peering.last_asn),
        owned_asns=peering.owned_asns,
        lengths=peering.lengths,
        max_prefixes=peering.max_prefixes,
        penalty_min=peering.penalty_min,
        ranges=peering.ranges,
        taken=peering.taken,
    )


def _declared(planned: GuestPlan) -> Declared:
    guest = planned.guest
    return Declared(
        name=guest.name,
        network=guest.vnet,
        address=str(guest.ipv6),
        asn=guest.asn,
        mac=guest.mac,
        hosts=planned.hosts,
        limits=planned.limits,
        spans=tuple(_spans(planned)),
        vmid=guest.vmid,
        nic=guest.nic,
        others=tuple(map(str, guest.global_ipv6)),
    )


def _spans(planned: GuestPlan) -> Iterator[Span]:
    guest = planned.guest
    for prefix in (*guest.loopbacks, *guest.extra, *guest.pods):
        yield str(prefix), prefix.prefixlen, prefix.prefixlen
    for pool, length in guest.pod_pools:
        yield str(pool), length, length
    for pool in guest.services:
        yield str(pool), pool.max_prefixlen, pool.max_prefixlen

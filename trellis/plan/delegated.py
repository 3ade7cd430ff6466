"""What delegated prefixes become: further subnets of a VNet with a gateway each, and what its guests are told of them.

Which prefixes there are the site's prefix file says.  An interface is advertised on by one sender: FRR where guests
are heard, as it advertises there in any case (``docs/decisions/0008-*``), radvd elsewhere; both say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.allocate import in_prefix
from trellis.site.model import Site

Sender = Literal["frr", "radvd", "proxmox"]


@dataclass(frozen=True, slots=True)
class DelegatedSubnet:
    """A delegated prefix as a subnet of its VNet.

    Attributes:
        gateway: The anycast gateway: the VNet's own one with this prefix.
        deprecated: Whether guests make no new addresses of it, and leave those that they have.
    """

    prefix: str
    gateway: str
    deprecated: bool = False

    @property
    def state(self) -> Literal["current", "deprecated"]:
        """What it is, in a word."""
        return "deprecated" if self.deprecated else "current"


@dataclass(frozen=True, slots=True)
class AdvertisedPrefix:
    """A prefix in an advertisement, on the link and to make addresses of.

    One that is deprecated has lifetimes of zero: guests prefer its addresses no longer, keep them for what is left of
    what they were told before (RFC 4862 5.5.3 e), and make none.
    """

    prefix: str
    valid_s: int
    preferred_s: int

    @property
    def deprecated(self) -> bool:
        """Whether guests are to leave it."""
        return self.valid_s == 0


@dataclass(frozen=True, slots=True)
class AdvertisementPlan:
    """What every host of a VNet tells its guests.

    No MTU is among it: radvd says nothing at all on an interface whose own is less (measured with 2.19), and what
    guests must be given for IPv4 holds for both.

    Attributes:
        sender: Who does it there, alone; of ``proxmox`` nothing is rendered, and what it says is its own.
        min_interval_s: Least seconds between two, a third of the most (RFC 4861 6.2.1).
        router_lifetime_s: Seconds for which the host is a default router; also for which the resolvers are good.
    """

    vnet: str
    sender: Sender
    max_interval_s: int
    min_interval_s: int
    router_lifetime_s: int
    prefixes: tuple[AdvertisedPrefix, ...]
    resolvers: tuple[str, ...]


def delegated_subnets(site: Site, vnet: str) -> tuple[DelegatedSubnet, ...]:
    """Return the delegated subnets of a VNet, the current one first.

    Args:
        site: The site.
        vnet: Id of the VNet.
    """
    found = site.delegated.get(vnet)
    if found is None:
        return ()
    gateway = site.vnets[vnet].subnets.ipv6.gateway
    return tuple(
        DelegatedSubnet(str(prefix), str(in_prefix(prefix, gateway)), prefix != found.current)
        for prefix in found.prefixes
    )


def advertisement(site: Site, vnet: str, *, heard: bool) -> AdvertisementPlan | None:
    """Return what guests of a VNet are told; None where nobody tells them anything (R13).

    Args:
        site: The site.
        vnet: Id of the VNet.
        heard: Whether some of its guests may speak BGP.
    """
    told = site.vnets[vnet].router_advertisements
    if told is None:
        return None
    lifetimes = told.valid_lifetime_s, told.preferred_lifetime_s
    delegated = delegated_subnets(site, vnet)
    current = [subnet.prefix for subnet in delegated if not subnet.deprecated]
    return AdvertisementPlan(
        vnet=vnet,
        sender="proxmox" if told.sender == "proxmox" else "frr" if heard else "radvd",
        max_interval_s=told.max_interval_s,
        min_interval_s=max(3, told.max_interval_s // 3),
        router_lifetime_s=3 * told.max_interval_s,
        prefixes=(
            *(AdvertisedPrefix(prefix, *lifetimes) for prefix in (str(site.vnets[vnet].subnets.ipv6.prefix), *current)),
            *(AdvertisedPrefix(subnet.prefix, 0, 0) for subnet in delegated if subnet.deprecated),
        ),
        resolvers=tuple(map(str, told.resolvers)),
    )

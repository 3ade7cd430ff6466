"""What an edge runs that is a RouterOS, as frozen values; ``trellis.plan.routeros`` makes them."""

from __future__ import annotations

from dataclasses import dataclass

from trellis.site.model import Bfd
from trellis.site.routeros import Nat66


@dataclass(frozen=True, slots=True)
class EdgeLink:
    """An interface of an edge in the underlay."""

    interface: str
    cost: int
    point_to_point: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Routes that an edge accepts from the hosts: those in ``prefix`` of inclusive lengths."""

    prefix: str
    shortest: int
    longest: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A VNet in place of an old VLAN: its prefixes, by which a router sees that it is heard of."""

    vnet: str
    interface: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouterosPlan:
    """What an edge of kind routeros runs beside its filter.

    Attributes:
        max_hops: TTL of its packets to hosts.
        refused: What is never accepted from a host, not even a part of it (R5).
        nat66_sources: The unique local prefixes of all tenants: subnets, loopbacks, pods, services.
        pools: The pools that its DHCPv6 clients fill with the VNets' prefixes.
        delegated: Where these prefixes lie.
    """

    loopback_interface: str
    max_hops: int
    keepalive_s: int
    hold_time_s: int
    link_bfd: Bfd
    multihop_bfd: Bfd
    links: tuple[EdgeLink, ...]
    refused: tuple[str, ...]
    accepted: tuple[Accepted, ...]
    wan_interface: str | None
    nat66: Nat66
    nat66_sources: tuple[str, ...]
    pools: tuple[str, ...]
    delegated: tuple[str, ...]
    webhook: str | None
    replaced: tuple[Replaced, ...]

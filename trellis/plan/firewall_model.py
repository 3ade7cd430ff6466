"""What a plan says of isolation, as frozen values: whose address is whose, and what passes nevertheless (R12).

How it follows from the site stands in ``trellis.plan.firewall``; hosts' and edges' filters are made of nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ZonePrefixes:
    """All that guests of a zone may use: subnets, loopbacks, pods, services; collapsed, IPv4 first."""

    zone: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeakPlan:
    """Two zones that may reach each other, both ways.

    Attributes:
        zones: The two, sorted.
        prefixes: What of each of the two takes part, in the order of ``zones``.
    """

    name: str
    zones: tuple[str, str]
    prefixes: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class AllowedService:
    """What guests of some VNets may reach beside other guests.

    Attributes:
        ports: Destination ports, 1-65535.
        to: Prefixes of the infrastructure; none means the guest's host, by its gateway addresses.
        sources: What guests of these VNets may use, IPv4 first; who is past the VNet's own host is known by it.
    """

    name: str
    vnets: tuple[str, ...]
    protocol: Literal["tcp", "udp"]
    ports: tuple[int, ...]
    to: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirewallPlan:
    """What keeps zones apart, and guests from the infrastructure, and the exceptions that the site declares (R12).

    Attributes:
        zones: By id.
        infrastructure: What guests reach by a service only: the plan's infrastructure, every router's loopback,
            links, hosts' SSH addresses and Proxmox's; collapsed, IPv4 first.
    """

    zones: tuple[ZonePrefixes, ...]
    leaks: tuple[LeakPlan, ...]
    services: tuple[AllowedService, ...]
    infrastructure: tuple[str, ...]

"""Plan -> what a host must have before a bundle makes sense on it, and the loopbacks that we give it.

The agent verifies the first on the host and makes the second; nothing here looks at a host.  Packages are named as
Debian names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trellis.plan.model import HostPlan, LinkPlan, Plan, ZonePlan
from trellis.render.stanzas import Stanzas

PACKAGES = ("frr", "frr-pythontools", "nftables")
"""What every host needs: the daemons, ``frr-reload.py``, and ``nft``; radvd only one that advertises by it."""

VXLAN_OVERHEAD = {"ipv4": 50, "ipv6": 70}
"""Bytes that VXLAN adds to a packet, by the family of the outer header (RFC 7348)."""


@dataclass(frozen=True, slots=True)
class NeededInterface:
    """An interface of the underlay as the site counts on it.

    Attributes:
        path: Where the site says so.
        mtu: Bytes of an IP packet that it must carry.
        why: What needs so many.
        addresses: Its own, with their lengths.
    """

    name: str
    path: str
    mtu: int
    why: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a host must have already."""

    packages: tuple[str, ...] = ()
    interfaces: tuple[NeededInterface, ...] = ()


NOTHING_NEEDED = Preconditions()


@dataclass(frozen=True, slots=True)
class Loopbacks:
    """The interface of a host's loopbacks, and its stanzas in /etc/network/interfaces."""

    interface: str
    addresses: tuple[str, ...]
    stanza: tuple[str, ...]


def preconditions(plan: Plan, host: HostPlan) -> Preconditions:
    """Return what ``host`` must have before it is touched: packages, and its ends of the underlay's links.

    Args:
        plan: The plan.
        host: One of its hosts.
    """
    zones = tuple(zone for zone in plan.zones if host.name in zone.hosts)
    ends = (needed for link in plan.links for needed in _ends(link, zones, host.name))
    return Preconditions((*PACKAGES, *(("radvd",) if needs_radvd(host) else ())), tuple(ends))


def needs_radvd(host: HostPlan) -> bool:
    """Return whether ``host`` advertises on a VNet on which FRR does not."""
    return any(told.sender == "radvd" for told in host.advertised)


def loopbacks(stanzas: Stanzas, host: HostPlan) -> Loopbacks:
    """Return the interface that holds ``host``'s loopbacks, the underlay's passive one, and its stanzas.

    Args:
        stanzas: The renderer.
        host: One of the plan's hosts.
    """
    name = next(interface.name for interface in host.interfaces if interface.passive)
    ipv4, ipv6 = f"{host.ipv4}/32", f"{host.ipv6}/128"
    text = stanzas.fill("host/interfaces.j2", name=name, kind=host.kind, ipv4=ipv4, ipv6=ipv6)
    return Loopbacks(name, (ipv4, ipv6), tuple(text.splitlines()))


def _ends(link: LinkPlan, zones: tuple[ZonePlan, ...], host: str) -> Iterator[NeededInterface]:
    """Yield the host's end of a link, if it has one, with the larger of the link's MTU and what zones need."""
    largest = max(zones, key=lambda zone: zone.mtu + VXLAN_OVERHEAD[zone.vtep], default=None)
    needed = largest.mtu + VXLAN_OVERHEAD[largest.vtep] if largest else 0
    why = f"links.{link.name}.mtu is {link.mtu}"
    if largest:
        overhead = VXLAN_OVERHEAD[largest.vtep]
        family = "IPv4" if largest.vtep == "ipv4" else "IPv6"
        why += f"; zone {largest.name} needs {needed}: {largest.mtu} and {overhead} of VXLAN over {family}"
    for end in link.ends:
        if end.node == host:
            addresses = tuple(address for address in (end.ipv4, end.ipv6) if address is not None)
            path = f"links.{link.name}.ends.{host}"
            yield NeededInterface(end.interface, path, max(link.mtu, needed), why, addresses)

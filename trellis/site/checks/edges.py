"""What an edge is told fits its kind, and what it would do by itself has what it needs for that."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Network

from trellis.site.model import Edge, Site
from trellis.site.refusal import Refusal
from trellis.site.routeros import Routeros
from trellis.site.territory import delegating

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Addresses that the internet routes (RFC 4291, 2.4)."""
DELEGATED_LENGTH = 64
"""Length of the prefix that a VNet gets: what hosts make addresses in (RFC 4291, 2.5.1)."""
_SHORTEST_DELEGATION = 16
"""Wider than any block of a regional registry, of which a provider has a part."""


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each thing that an edge is told and cannot do.

    Args:
        site: A site whose references hold.
    """
    for name, edge in site.edges.items():
        if edge.routeros is not None:
            yield from _kind(name, edge)
            yield from _needs(site, name, edge.routeros)
            yield from _delegations(f"edges.{name}.routeros", edge.routeros)
            yield from _replaces(site, name, edge.routeros)


def _kind(name: str, edge: Edge) -> Iterator[Refusal]:
    if edge.kind != "routeros":
        yield Refusal(
            f"edges.{name}.routeros",
            edge.kind,
            "an edge that says what its RouterOS does is of kind routeros",
            "an FRR edge reads none of it, and would neither translate nor ask for a sync",
            "remove routeros, or make the edge's kind routeros",
        )


def _needs(site: Site, name: str, routeros: Routeros) -> Iterator[Refusal]:
    path = f"edges.{name}.routeros"
    if routeros.nat66 != "never" and routeros.wan_interface is None:
        yield Refusal(
            f"{path}.nat66",
            routeros.nat66,
            "NAT66 happens where packets leave to the world: wan_interface says where",
            "a rule without an interface would translate what goes to the hosts, too",
            "add wan_interface, or leave nat66 out",
        )
    for key, value in (("nat66", routeros.nat66 == "without_delegation"), ("webhook", routeros.webhook is not None)):
        if value and not delegating(site, name):
            yield Refusal(
                f"{path}.{key}",
                str(getattr(routeros, key)),
                "what follows a delegation has a VNet that gets its prefix from this edge",
                "the router would never notice that one came or went",
                "set vnets.X.delegation, its pool as `/ipv6 dhcp-client print` shows it, or leave this out",
            )


def _delegations(path: str, routeros: Routeros) -> Iterator[Refusal]:
    for position, prefix in enumerate(routeros.delegations):
        if not (prefix.subnet_of(GLOBAL_UNICAST) and _SHORTEST_DELEGATION <= prefix.prefixlen <= DELEGATED_LENGTH):
            yield Refusal(
                f"{path}.delegations.{position}",
                str(prefix),
                f"prefixes are delegated from global unicast {GLOBAL_UNICAST}, of a /{_SHORTEST_DELEGATION} to a "
                f"/{DELEGATED_LENGTH}",
                "any /64 of it is accepted from the hosts: wider, that is anybody's address",
                "name what the provider delegates from, as in 2600:1700:ab1a:5000::/56",
            )


def _replaces(site: Site, name: str, routeros: Routeros) -> Iterator[Refusal]:
    """Refuse to empty an interface that the edge needs, or that two VNets are to take over."""
    path = f"edges.{name}.routeros"
    needed = {f"links.{link}": found.ends[name].interface for link, found in site.links.items() if name in found.ends}
    needed |= {f"{path}.loopback_interface": routeros.loopback_interface}
    if routeros.wan_interface is not None:
        needed[f"{path}.wan_interface"] = routeros.wan_interface
    for vnet, interface in sorted(routeros.replaces.items()):
        using = [where for where, used in needed.items() if used == interface]
        if using:
            yield Refusal(
                f"{path}.replaces.{vnet}",
                interface,
                f"a VLAN that a VNet replaces is of no further use; {using[0]} has this interface, too",
                f"all of its addresses go as soon as {vnet} is heard of by BGP",
                "name the interface of the old VLAN alone",
            )
        needed[f"{path}.replaces.{vnet}"] = interface

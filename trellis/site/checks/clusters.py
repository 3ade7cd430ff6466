"""A cluster's shared address is one of its VNet that nobody else has, and its Talos can run its speaker."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from trellis.site.checks.numbers import collisions
from trellis.site.model import Cluster, Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AttachedGuest, vip_addresses

BIRD_SINCE = (1, 13, 1)
"""The first Talos whose bird2 extension does not wait for too much before it starts (facts/guests.md)."""
NATIVE_SINCE = (1, 14, 0)
"""The first Talos with BGPInstanceConfig."""


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each cluster whose nodes would not come up as they are meant to.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    for name, cluster in sorted(site.clusters.items()):
        yield from _vip(site, name, cluster)
        yield from _speaker(name, cluster)
    yield from _taken(site, guests)


def release_of(release: str) -> tuple[int, int, int]:
    """Return a Talos release as numbers, a candidate of it as the release that it becomes."""
    major, minor, patch = release.split("-", maxsplit=1)[0].split(".")
    return int(major), int(minor), int(patch)


def _vip(site: Site, name: str, cluster: Cluster) -> Iterator[Refusal]:
    addresses = vip_addresses(cluster)
    if addresses and not any(node.role == "controlplane" for node in cluster.nodes.values()):
        yield Refusal(
            f"clusters.{name}.vip",
            ", ".join(map(str, addresses)),
            "an address that control planes share has a control plane to be on",
            "nobody would answer for it, and the cluster's endpoint would be dead",
            "add a node of role controlplane, or remove the vip",
        )
    for address in addresses:
        yield from _on_vnet(site, name, cluster.vnet, address)


def _on_vnet(site: Site, name: str, vnet: str, address: IPv4Address | IPv6Address) -> Iterator[Refusal]:
    subnets = site.vnets[vnet].subnets
    family, subnet = ("ipv4", subnets.ipv4) if isinstance(address, IPv4Address) else ("ipv6", subnets.ipv6)
    path = f"clusters.{name}.vip.{family}"
    if subnet is None or address not in subnet.prefix:
        yield Refusal(
            path,
            str(address),
            f"an address that control planes share lies in their VNet's subnet {subnet.prefix if subnet else '(none)'}",
            "they answer for it by ARP and neighbour discovery, which no other link hears",
            f"choose a free address of vnets.{vnet}.subnets.{family}",
        )
    elif address in (subnet.gateway, subnet.prefix.network_address):
        yield Refusal(
            path,
            str(address),
            "an address that control planes share is neither the gateway's nor the subnet's first",
            "every host has the gateway's address, and every router answers to the first (RFC 4291)",
            "choose a free address",
        )


def _taken(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    claims: list[tuple[str, object]] = []
    for guest in guests:
        claims += [(guest.path, address) for address in (guest.ipv4, guest.ipv6) if address is not None]
        claims += [(guest.path, route.network_address) for route in (*guest.loopbacks, *guest.extra)]
    held = {address: path for path, address in reversed(claims)}
    vips = [(f"clusters.{name}.vip", address) for name, one in site.clusters.items() for address in vip_addresses(one)]
    why = "one of the two would be unreachable, or its traffic would go to the other"
    for path, address in sorted(vips, key=lambda claim: claim[0]):
        if address in held:
            rule = f"an address that control planes share is nobody's own; {held[address]} has it"
            yield Refusal(path, str(address), rule, why, "choose a free address")
    yield from collisions(vips, "address that control planes share", why, "choose a free address")


def _speaker(name: str, cluster: Cluster) -> Iterator[Refusal]:
    talos = cluster.talos
    needed = {"bird2": BIRD_SINCE, "talos-native": NATIVE_SINCE}.get(cluster.speaker)
    if talos is None:
        if cluster.speaker == "talos-native":
            yield Refusal(
                f"clusters.{name}.speaker",
                cluster.speaker,
                "Talos's own speaker runs on Talos",
                "a plain VM has none, and would never have a route",
                f"set clusters.{name}.talos.release, or choose bird2 or frr",
            )
    elif needed is not None and release_of(talos.release) < needed:
        since = ".".join(map(str, needed))
        yield Refusal(
            f"clusters.{name}.talos.release",
            talos.release,
            f"the speaker {cluster.speaker} runs on Talos {since} and later",
            "an earlier one refuses its document, or starts it after what needs the network: the node never comes up",
            f"use Talos {since}, or the speaker frr",
        )

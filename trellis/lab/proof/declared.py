"""What the site lets pass between zones and from guests to the infrastructure, and whom the proof asks about it.

Worked out from the site's `leaks` and `firewall` entries alone, as everything that is expected of a twin.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.lab.proof.fabric import Address, Fabric, Prefix
from trellis.site import AttachedGuest

SSH, BGP = 22, 179


def speakers(fabric: Fabric) -> tuple[AttachedGuest, ...]:
    """The first guest of each zone, which stands for its zone."""
    first = {guest.zone: guest for guest in reversed(fabric.guests)}
    return tuple(guest for _, guest in sorted(first.items()))


def own_address(guest: AttachedGuest, version: int) -> Address | None:
    """A guest's address on its VNet."""
    return guest.ipv4 if version == 4 else guest.ipv6


def may_reach(fabric: Fabric, source: Address, zone: str, target: Address, other: str) -> bool:
    """Whether a leak lets an address of a zone and one of another zone reach each other."""
    return any(
        {zone, other} == set(leak.between)
        and _takes_part(fabric, leak.prefixes, source, zone)
        and _takes_part(fabric, leak.prefixes, target, other)
        for leak in fabric.site.leaks.values()
    )


def _takes_part(fabric: Fabric, prefixes: tuple[Prefix, ...], address: Address, zone: str) -> bool:
    """Whether an address of a zone is in the part of it that a leak names; none named means all."""
    ranges = [own for version in (4, 6) for own in fabric.ranges(zone, version)]
    named = [prefix for prefix in prefixes if any(_overlap(prefix, own) for own in ranges)]
    return not named or any(address in prefix for prefix in named)


def leaked_to(fabric: Fabric, zone: str, version: int) -> frozenset[Prefix]:
    """The prefixes of other zones that leaks let a zone reach, each as long as the leak and the zone have it."""
    found: set[Prefix] = set()
    for leak in fabric.site.leaks.values():
        for other in leak.between if zone in leak.between else ():
            if other != zone:
                own = fabric.ranges(other, version)
                named = [p for p in leak.prefixes if any(_overlap(p, known) for known in own)]
                found |= {p for p in named if p.version == version} if named else own
    return frozenset(found)


def served(fabric: Fabric, guest: AttachedGuest, port: int, target: Address | None) -> bool:
    """Whether an entry of `firewall` opens a TCP port to a guest; `target` None means its own host's gateway."""
    return any(
        guest.vnet in service.vnets
        and service.protocol == "tcp"
        and port in service.ports
        and (not service.to if target is None else any(target in prefix for prefix in service.to))
        for service in fabric.site.firewall.values()
    )


def routers(fabric: Fabric) -> Iterator[tuple[str, Address, int]]:
    """Every loopback and management address of hosts and edges, with a TCP port that is listened on there."""
    for node in (*fabric.hosts, *sorted(fabric.site.edges)):
        port = BGP if node in fabric.site.edges else SSH
        for version in (4, 6):
            yield node, fabric.loopback(node, version), port
        for link in fabric.site.links.values():
            if link.kind == "segment" and node in link.ends:
                ends = (link.ends[node].ipv4, link.ends[node].ipv6)
                yield from ((node, end.ip, port) for end in ends if end is not None)


def neighbour_of(fabric: Fabric, node: str, other: str) -> Address | None:
    """An address of `other` on a link that both are on; None if there is no such link."""
    for _, link in sorted(fabric.site.links.items()):
        if node in link.ends and other in link.ends:
            end = link.ends[other].ipv4 or link.ends[other].ipv6
            if end is not None:
                return end.ip
    return None


def _overlap(one: Prefix, other: Prefix) -> bool:
    return one.version == other.version and one.overlaps(other)

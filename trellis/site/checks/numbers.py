"""No two entries share a number that must be unique.  Which ASNs guests may name stands in ``peering``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from trellis import allocate
from trellis.site.model import Site
from trellis.site.refusal import Refusal
from trellis.site.resolved import AttachedGuest


def check(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    """Yield a refusal for each collision.

    Args:
        site: A site whose references hold.
        guests: Its guests and nodes, resolved.
    """
    yield from _unique_ids(site)
    yield from _unique_vnis(site)
    yield from _unique_asns(site, guests)
    yield from _suffixes(guests)
    yield from _network_cards(guests)


def collisions(claims: Iterable[tuple[str, Hashable]], noun: str, why: str, remedy: str) -> Iterator[Refusal]:
    """Yield a refusal for each claim on a value that an earlier claim (by path) already holds.

    Args:
        claims: Pairs of path and value.
        noun: What the value is, as in "each {noun} is used once".
        why: What would go wrong.
        remedy: What to do.
    """
    holders: dict[Hashable, str] = {}
    for path, value in sorted(claims, key=lambda claim: claim[0]):
        holder = holders.setdefault(value, path)
        if holder != path:
            yield Refusal(path, str(value), f"each {noun} is used once; {holder} has it already", why, remedy)


def _unique_ids(site: Site) -> Iterator[Refusal]:
    why = "numbers are derived from ids: two entries would get the same ones"
    families = (
        ("hosts", "host id", ((name, host.id) for name, host in site.hosts.items())),
        ("zones", "zone id", ((name, zone.id) for name, zone in site.zones.items())),
        ("tenants", "tenant id", ((name, tenant.id) for name, tenant in site.tenants.items())),
        ("clusters", "cluster id", ((name, cluster.id) for name, cluster in site.clusters.items())),
    )
    for family, noun, ids in families:
        claims = [(f"{family}.{name}.id", number) for name, number in ids]
        yield from collisions(claims, noun, why, "choose a free id")
    folded = [
        (f"{family}.{name}", name.casefold())
        for family, names in (("zones", site.zones), ("vnets", site.vnets))
        for name in names
    ]
    yield from collisions(
        folded, "zone or VNet id", "devices named after them differ by case only, or not at all", "rename one"
    )
    speakers = [
        *((f"hosts.{name}", name) for name in site.hosts),
        *((f"edges.{name}", name) for name in site.edges),
        *((f"guests.{name}", name) for name in site.guests),
        *((f"clusters.{c}.nodes.{name}", name) for c, cluster in site.clusters.items() for name in cluster.nodes),
    ]
    yield from collisions(
        speakers,
        "name of a host, edge, guest or node",
        "route-maps and resources are named after them",
        "rename one",
    )


def _unique_vnis(site: Site) -> Iterator[Refusal]:
    claims = [(f"zones.{name}.id", allocate.l3vni(zone.id)) for name, zone in site.zones.items()]
    for name, vnet in site.vnets.items():
        derived = vnet.vni is None
        number = allocate.l2vni(site.tenants[vnet.tenant].id) if vnet.vni is None else vnet.vni
        claims.append((f"vnets.{name}.{'tenant' if derived else 'vni'}", number))
    yield from collisions(
        claims,
        "VNI",
        "FRR moves a VNI that is configured twice away from the tenant that has it, with status 0",
        "give the VNet a `vni` of its own, or change the zone's id",
    )


def _unique_asns(site: Site, guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    claims: list[tuple[str, int]] = [("fabric.asn", site.fabric.asn)]
    claims += [(f"{guest.path}.{'asn' if guest.own_asn else 'suffix'}", guest.asn) for guest in guests]
    why = "a speaker drops routes whose AS path holds its own ASN, and nobody could tell the two apart"
    yield from collisions(claims, "ASN", why, "choose another suffix or ASN")
    edge_asns = {edge.asn: f"edges.{name}.asn" for name, edge in site.edges.items()}
    for path, asn in claims:
        if asn in edge_asns:
            yield Refusal(
                path,
                str(asn),
                f"each ASN is used once; {edge_asns[asn]} has it already",
                why,
                "choose another",
            )


def _suffixes(guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    ranges = {"controlplane": allocate.CONTROL_PLANE_SUFFIXES, "worker": allocate.WORKER_SUFFIXES}
    for guest in guests:
        allowed = ranges.get(guest.role or "")
        if allowed is not None and guest.suffix not in allowed:
            yield Refusal(
                f"{guest.path}.suffix",
                str(guest.suffix),
                f"the suffix of a {guest.role} is {allowed.start}-{allowed.stop - 1}",
                "the ASN encodes the role, and people read it from there",
                f"choose a suffix of {allowed.start}-{allowed.stop - 1}, or change the role",
            )


def _network_cards(guests: tuple[AttachedGuest, ...]) -> Iterator[Refusal]:
    claims = [
        (f"{guest.path}.vmid", f"net{guest.nic} of VM {guest.vmid}") for guest in guests if guest.vmid is not None
    ]
    yield from collisions(
        claims,
        "network card of a VM",
        "the port that Proxmox names after the two would be tied to two MACs, and carry neither",
        "give the guest its own VM's number, or its own `nic`",
    )

"""Where a host filters routes: at each session, in and out, and between its tables; and whose routes those are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trellis.diff.passing import Named, Resolved
from trellis.plan.filter_model import AsPathList
from trellis.plan.model import BgpInstance, Family, HostPlan
from trellis.plan.rules.speakers import Neighbour, active, listening

Direction = Literal["from", "to", "between"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which door of a host it is.

    Attributes:
        vrf: None for the global instance.
        peer: The address, subnet or table on the other side of it.
        family: Of the routes.
    """

    direction: Direction
    vrf: str | None
    peer: str
    family: str


@dataclass(frozen=True, slots=True)
class Door:
    """A filter at its place.

    Attributes:
        party: Whose routes come, or who is told.
        name: The route-map; ``none`` where there is no filter.
        entries: What it does.
        paths: Its AS-path list.
    """

    party: str
    name: str
    entries: Resolved
    paths: AsPathList | None = None


def doors(host: HostPlan, filters: Named) -> dict[Place, Door]:
    """Return every filter of a host by its place.

    Args:
        host: The host.
        filters: Those of its policy.
    """
    return dict(_doors(host, filters))


def party_of(instance: BgpInstance, description: str | None, remote_as: int | None) -> str:
    """Return who is on the other side of a session, in the words of a site.

    Args:
        instance: The host's side.
        description: The other side's name.
        remote_as: Its ASN.
    """
    noun = "guest" if instance.vrf is not None else "host" if remote_as == instance.asn else "edge"
    return f"{noun} {description}"


def anybody_on(group: str) -> str:
    """Return who may join the peer-group of an open VNet."""
    return f"anybody on {group.removeprefix('TL-').removesuffix('-OPEN')}"


def _doors(host: HostPlan, filters: Named) -> Iterator[tuple[Place, Door]]:
    for instance in host.bgp:
        for family in instance.families:
            if family.name != "l2vpn evpn":
                for found in active(instance, family):
                    session = found.session
                    party = party_of(instance, session.description, session.remote_as)
                    yield from _of_neighbour(instance, session.name, party, found, filters)
            yield from _between(instance, family, filters)
    for instance, prefix, found in listening(host):
        if found.family != "l2vpn evpn":
            yield from _of_neighbour(instance, prefix, anybody_on(found.session.name), found, filters)


def _of_neighbour(
    instance: BgpInstance, peer: str, party: str, found: Neighbour, filters: Named
) -> Iterator[tuple[Place, Door]]:
    for direction, name, paths in (
        ("from", found.route_map_in, found.path_list_in),
        ("to", found.route_map_out, None),
    ):
        place = Place(direction, instance.vrf, peer, found.family)  # type: ignore[arg-type]
        yield place, Door(party, name or "none", filters.resolved(name), filters.paths(paths))


def _between(instance: BgpInstance, family: Family, filters: Named) -> Iterator[tuple[Place, Door]]:
    table = instance.vrf or "the main table"
    maps = [
        ("connected", f"the VNets of {table}, as its own routes", family.redistribute_connected),
        *(
            ("import", f"{'the main table' if vrf == 'default' else vrf} into {table}", family.import_map)
            for vrf in family.import_vrfs
        ),
    ]
    for peer, party, name in maps:
        if name is not None:
            yield (
                Place("between", instance.vrf, f"{peer} {party}", family.name),
                Door(party, name, filters.resolved(name)),
            )
    for version, name in family.advertise:
        place = Place("between", instance.vrf, "type-5", f"{version} unicast")
        yield place, Door(f"{table} to other hosts, as EVPN type-5", name, filters.resolved(name))

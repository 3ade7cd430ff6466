"""The filters of a host, put together from lists and maps that are made once per site.

A host needs the filters of its zones and of the guests that may run on it; hosts that need the same share one
``Policy``, which is then rendered once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trellis.plan import as_paths, names, prefix_lists, route_maps
from trellis.plan.filter_model import AsPathList, CommunityList, Policy, PrefixList, RouteMap
from trellis.plan.names import Marks
from trellis.plan.peering import PeeringPlan, infrastructure_asns
from trellis.site.model import Site
from trellis.site.resolved import AttachedGuest, peering_policy


@dataclass(frozen=True, slots=True)
class _Shared:
    """What hosts have in common that carry the same zones, whichever guests may run on each.

    Attributes:
        open_lists: With ``open_maps`` and ``open_paths`` those of open VNets; they come after the guests' own.
    """

    lists: tuple[PrefixList, ...]
    maps: tuple[RouteMap, ...]
    community_lists: tuple[CommunityList, ...]
    open_lists: tuple[PrefixList, ...]
    open_maps: tuple[RouteMap, ...]
    open_paths: tuple[AsPathList, ...]


class Policies:
    """Makes the policy of each host of a site, and each only once."""

    def __init__(self, site: Site, guests: tuple[AttachedGuest, ...], peerings: Mapping[str, PeeringPlan]) -> None:
        self._site = site
        self._peerings = peerings
        self._marks = Marks(site.fabric.mark_asn, site.fabric.asn)
        clusters = sorted({guest.cluster for guest in guests if guest.cluster and guest.services})
        self._services = {name: tuple(prefix_lists.services(name, guests)) for name in clusters}
        self._of_guest = {guest.name: self._guest(guest) for guest in guests}
        self._guest_paths = as_paths.of_guests(infrastructure_asns(site))
        self._shared: dict[tuple[tuple[str, ...], tuple[str, ...]], _Shared] = {}
        self._made: dict[tuple[tuple[str, ...], tuple[str, ...]], Policy] = {}

    def of_host(self, zones: tuple[str, ...], guests: tuple[AttachedGuest, ...]) -> Policy:
        """Return the filters of a host.

        Args:
            zones: Ids of the zones that it carries.
            guests: The guests that may run on it.
        """
        key = (zones, tuple(guest.name for guest in guests))
        if key not in self._made:
            self._made[key] = self._make(zones, guests)
        return self._made[key]

    def _make(self, zones: tuple[str, ...], guests: tuple[AttachedGuest, ...]) -> Policy:
        clusters = tuple(sorted({guest.cluster for guest in guests if guest.cluster in self._services}))
        if (zones, clusters) not in self._shared:
            self._shared[zones, clusters] = self._of_zones(zones, clusters)
        shared = self._shared[zones, clusters]
        own = [self._of_guest[guest.name] for guest in guests]
        return Policy(
            (*shared.lists, *(found for lists, _ in own for found in lists), *shared.open_lists),
            shared.community_lists,
            (*shared.maps, *(route_map for _, route_map in own), *shared.open_maps),
            (*((self._guest_paths,) if guests else ()), *shared.open_paths),
        )

    def _of_zones(self, zones: tuple[str, ...], clusters: tuple[str, ...]) -> _Shared:
        """Return what does not depend on which guests there are, but for the services of their clusters."""
        site = self._site
        lists = [*prefix_lists.upstream(site), *prefix_lists.of_infrastructure(site)]
        maps = [*route_maps.edge(self._marks), *route_maps.fabric(), route_maps.next_hops()]
        if zones:
            lists += prefix_lists.subnets(site, zones)
            maps += route_maps.between_tables(self._marks)
        listening = sorted(vnet for vnet in self._peerings if site.vnets[vnet].zone in zones)
        exporting = {site.vnets[vnet].tenant for vnet in listening if peering_policy(site, vnet).export_peer_loopbacks}
        for tenant in sorted(exporting):
            lists += prefix_lists.loopbacks_of_tenant(site, tenant)
        maps += self._told(listening)
        for cluster in clusters:
            lists += self._services[cluster]
        defined = {(prefix_list.family, prefix_list.name) for prefix_list in lists}
        is_open = {vnet: self._peerings[vnet] for vnet in listening if self._peerings[vnet].mode == "open"}
        own = {vnet: tuple(prefix_lists.of_open_vnet(vnet, policy)) for vnet, policy in is_open.items()}
        return _Shared(
            lists=tuple(lists),
            maps=tuple(route_maps.settled(route_map, defined) for route_map in maps),
            community_lists=self._community_lists(
                {number for vnet in listening for number in self._peerings[vnet].classes}
            ),
            open_lists=tuple(found for lists in own.values() for found in lists),
            open_maps=tuple(
                route_maps.of_open_vnet(vnet, own[vnet], self._marks, policy.classes)
                for vnet, policy in is_open.items()
            ),
            open_paths=tuple(as_paths.of_open_vnet(vnet, policy) for vnet, policy in is_open.items()),
        )

    def _told(self, listening: list[str]) -> Iterator[RouteMap]:
        """Yield the filters of what guests are told: one a tenant, and one for a VNet with a policy of its own."""
        site, made = self._site, set()
        for vnet in listening:
            tenant = site.vnets[vnet].tenant
            name = names.told(tenant, vnet, own_policy=site.vnets[vnet].guest_bgp is not None)
            if name not in made:
                made.add(name)
                yield route_maps.told(name, tenant if peering_policy(site, vnet).export_peer_loopbacks else None)

    def _guest(self, guest: AttachedGuest) -> tuple[tuple[PrefixList, ...], RouteMap]:
        own = tuple(prefix_lists.of_guest(guest))
        shared = self._services.get(guest.cluster or "", ())
        classes = self._peerings[guest.vnet].classes
        return own, route_maps.of_guest(guest.name, (*own, *shared), self._marks, classes)

    def _community_lists(self, classes: set[int]) -> tuple[CommunityList, ...]:
        marks = self._marks
        return (
            CommunityList(names.EXPORTED, (marks.learned_here, marks.connected_here)),
            CommunityList(names.LEARNED_HERE, (marks.learned_here,)),
            CommunityList(names.TENANTS, tuple(map(marks.standard, names.CLASSES.values()))),
            *(CommunityList(names.class_list(number), (marks.standard(number),)) for number in sorted(classes)),
        )

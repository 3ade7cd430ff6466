"""The filters of a host, put together from lists and maps that are made once per site.

A host needs the filters of its zones and of the guests that may run on it; hosts that need the same share one
``Policy``, which is then rendered once.
"""

from __future__ import annotations

from trellis.plan import names, prefix_lists, route_maps
from trellis.plan.model import CommunityList, Policy, PrefixList, RouteMap
from trellis.plan.names import Marks
from trellis.site.model import Site
from trellis.site.resolved import AttachedGuest


class Policies:
    """Makes the policy of each host of a site, and each only once."""

    def __init__(self, site: Site, guests: tuple[AttachedGuest, ...]) -> None:
        self._site = site
        self._marks = Marks(site.fabric.mark_asn, site.fabric.asn)
        clusters = sorted({guest.cluster for guest in guests if guest.cluster and guest.services})
        self._services = {name: tuple(prefix_lists.services(name, guests)) for name in clusters}
        self._of_guest = {guest.name: self._guest(guest) for guest in guests}
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
        site = self._site
        lists = [*prefix_lists.upstream(site), *prefix_lists.of_infrastructure(site)]
        maps = [*route_maps.edge(self._marks), *route_maps.fabric()]
        if zones:
            lists += prefix_lists.subnets(site, zones)
            maps += route_maps.between_tables(self._marks)
        for tenant in self._listening_tenants(zones):
            exported = (
                ()
                if not site.tenants[tenant].guest_bgp.export_peer_loopbacks
                else prefix_lists.loopbacks_of_tenant(site, tenant)
            )
            own = tuple(exported)
            lists += own
            maps.append(route_maps.tenant(tenant, bool(own)))
        for cluster in sorted({guest.cluster for guest in guests if guest.cluster in self._services}):
            lists += self._services[cluster]
        defined = {(prefix_list.family, prefix_list.name) for prefix_list in lists}
        maps = [route_maps.settled(route_map, defined) for route_map in maps]
        for guest in guests:
            own_lists, own_map = self._of_guest[guest.name]
            lists += own_lists
            maps.append(own_map)
        return Policy(tuple(lists), self._community_lists(), tuple(maps))

    def _guest(self, guest: AttachedGuest) -> tuple[tuple[PrefixList, ...], RouteMap]:
        own = tuple(prefix_lists.of_guest(guest))
        shared = self._services.get(guest.cluster or "", ())
        return own, route_maps.of_guest(guest.name, (*own, *shared), self._marks)

    def _listening_tenants(self, zones: tuple[str, ...]) -> list[str]:
        found = {vnet.tenant for vnet in self._site.vnets.values() if vnet.zone in zones}
        return sorted(name for name in found if self._site.tenants[name].guest_bgp.enabled)

    def _community_lists(self) -> tuple[CommunityList, ...]:
        marks = self._marks
        return (
            CommunityList(names.EXPORTED, (marks.learned_here, marks.connected_here)),
            CommunityList(names.LEARNED_HERE, (marks.learned_here,)),
        )

"""The plan of each host: what it carries, and what of it other hosts carry as well.

A large site has many hosts and few kinds of content: the VRFs, filters and settings of a rack are the same on each of
its hosts.  What is the same is made once and is one object, so that it is also rendered once and in memory once.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis import allocate
from trellis.plan import names
from trellis.plan.delegated import AdvertisementPlan, advertisement, delegated_subnets
from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.guest_sessions import Peerings, vrf_instance
from trellis.plan.leaks import vrf_routes
from trellis.plan.model import BgpInstance, HostPlan, SilencedInterface, Vrf
from trellis.plan.policy import Policies
from trellis.plan.sessions import global_instance, loopbacks, mesh_peers
from trellis.plan.system import DAEMONS, sysctls
from trellis.plan.underlay import bfd_profiles, ospf_interfaces
from trellis.site.model import Site
from trellis.site.resolved import AttachedGuest, zone_nodes

Zones = tuple[str, ...]
"""Names of the zones that a host carries, in their order."""


@dataclass(frozen=True, slots=True)
class _Carried:
    """What every host needs that carries the same zones."""

    silenced: tuple[SilencedInterface, ...]
    advertised: tuple[AdvertisementPlan, ...]
    sysctls: tuple[tuple[str, str], ...]


class Hosts:
    """Plans the hosts of a site.

    Args:
        site: The site.
        guests: Its guests and nodes, resolved.
        filters: Its leaks and services, resolved.
        peerings: The policies of its VNets on which somebody is heard.
    """

    def __init__(
        self, site: Site, guests: tuple[AttachedGuest, ...], filters: FirewallPlan, peerings: Peerings
    ) -> None:
        self._site = site
        self._filters = filters
        self._peerings = peerings
        self._policies = Policies(site, guests, peerings)
        self._profiles = bfd_profiles(site)
        self._loopbacks = {name: loopbacks(site, name) for name in site.hosts}
        self._zones: dict[str, list[str]] = {name: [] for name in site.hosts}
        for zone in sorted(site.zones):
            for name in zone_nodes(site, zone):
                self._zones[name].append(zone)
        self._guests: dict[str, list[AttachedGuest]] = {name: [] for name in site.hosts}
        for guest in guests:
            for name in guest.placement:
                self._guests[name].append(guest)
        self._carried: dict[Zones, _Carried] = {}
        self._instances: dict[tuple[str, bool, tuple[str, ...]], BgpInstance] = {}

    def plan(self, name: str) -> HostPlan:
        """Return the plan of a host.

        Args:
            name: Name of the host.
        """
        host, own = self._site.hosts[name], self._loopbacks[name]
        zones, placed = tuple(self._zones[name]), tuple(self._guests[name])
        carried = self._of_zones(zones)
        peers = tuple(self._loopbacks[peer] for peer in mesh_peers(self._site, name))
        return HostPlan(
            name=name,
            kind=host.kind,
            pve_version=host.pve_version,
            frr_version=host.frr_version,
            ipv4=own.ipv4,
            ipv6=own.ipv6,
            interfaces=ospf_interfaces(self._site, name),
            silenced=carried.silenced,
            bfd_profiles=self._profiles,
            vrfs=tuple(self._vrf(zone, zones, host.kind, own.ipv4) for zone in zones),
            bgp=(
                global_instance(self._site, name, peers, tuple(map(names.vrf_name, zones))),
                *(self._instance(zone, placed, generated=host.kind == "pve") for zone in zones),
            ),
            policy=self._policies.of_host(zones, placed),
            sysctls=carried.sysctls,
            daemons=DAEMONS,
            replaces=host.replaces,
            advertised=carried.advertised,
        )

    def _of_zones(self, zones: Zones) -> _Carried:
        if zones not in self._carried:
            site = self._site
            vnets = [name for name, vnet in sorted(site.vnets.items()) if vnet.zone in zones]
            # Sessions of guests make FRR advertise routers where they are.
            listening = [name for name in vnets if name in self._peerings]
            advertised = (advertisement(site, name, heard=name in listening) for name in vnets)
            told = tuple(found for found in advertised if found is not None)
            silent = [name for name in listening if name not in {found.vnet for found in told}]
            self._carried[zones] = _Carried(
                tuple(SilencedInterface(name, _prefixes(site, name)) for name in silent),
                told,
                sysctls(zones, vnets),
            )
        return self._carried[zones]

    def _vrf(self, zone: str, zones: Zones, kind: str, router_id: str) -> Vrf:
        l3vni = allocate.l3vni(self._site.zones[zone].id)
        return Vrf(
            name=names.vrf_name(zone),
            zone=zone,
            l3vni=l3vni,
            route_distinguisher=f"{router_id}:*",
            route_target=allocate.route_target(self._site.fabric.asn, l3vni),
            generated=kind == "pve",
            routes=vrf_routes(self._filters, zone, zones, kind),
        )

    def _instance(self, zone: str, placed: tuple[AttachedGuest, ...], *, generated: bool) -> BgpInstance:
        guests = tuple(guest for guest in placed if guest.zone == zone)
        key = zone, generated, tuple(guest.name for guest in guests)
        if key not in self._instances:
            self._instances[key] = vrf_instance(self._site, zone, guests, self._peerings, generated=generated)
        return self._instances[key]


def _prefixes(site: Site, vnet: str) -> tuple[str, ...]:
    """Return the IPv6 prefixes that the interface of a VNet has addresses of."""
    return str(site.vnets[vnet].subnets.ipv6.prefix), *(found.prefix for found in delegated_subnets(site, vnet))

"""From a site to its plan: puts together what the other modules of this package decide."""

from __future__ import annotations

from collections.abc import Iterator

from trellis import allocate
from trellis.plan import names, wiring
from trellis.plan.firewall import firewall
from trellis.plan.leaks import vrf_routes
from trellis.plan.model import (
    EdgePlan,
    FirewallPlan,
    GuestPlan,
    HostPlan,
    Plan,
    SilencedInterface,
    VnetPlan,
    Vrf,
    VrfRoute,
)
from trellis.plan.policy import Policies
from trellis.plan.sdn import sdn_state, vni
from trellis.plan.sessions import global_instance, loopbacks, mesh_peers, vrf_instance
from trellis.plan.system import DAEMONS, sysctls
from trellis.plan.underlay import bfd_profiles, ospf_interfaces
from trellis.site.checks.addresses import infrastructure
from trellis.site.model import Edge, Site
from trellis.site.resolved import AttachedGuest, attached_guests, zone_nodes


def plan(site: Site) -> Plan:
    """Return everything that will be done for ``site``, each number and policy resolved.

    Args:
        site: A site that was accepted.
    """
    guests = attached_guests(site)
    policies = Policies(site, guests)
    hosts = sorted(site.hosts, key=lambda name: site.hosts[name].id)
    filters = firewall(site, guests)
    return Plan(
        site_name=site.name,
        asn=site.fabric.asn,
        sdn=sdn_state(site),
        hosts=tuple(_host(site, name, guests, policies, filters) for name in hosts),
        edges=tuple(_edge(name, edge, tuple(hosts)) for name, edge in sorted(site.edges.items())),
        vnets=tuple(_vnet(site, name) for name in sorted(site.vnets)),
        guests=tuple(_guest(site, guest) for guest in guests),
        infrastructure=tuple(sorted(str(prefix) for _, prefix in infrastructure(site))),
        firewall=filters,
        zones=wiring.zones(site),
        links=wiring.links(site),
    )


def _edge(name: str, edge: Edge, hosts: tuple[str, ...]) -> EdgePlan:
    loopback = edge.loopback
    accepts = tuple(sorted(map(str, edge.accepts)))
    return EdgePlan(name, edge.asn, str(loopback.ipv4), str(loopback.ipv6), hosts, accepts, edge.kind)


def _vnet(site: Site, name: str) -> VnetPlan:
    vnet, number = site.vnets[name], vni(site, name)
    subnets = [subnet for subnet in (vnet.subnets.ipv6, vnet.subnets.ipv4) if subnet is not None]
    return VnetPlan(
        name=name,
        zone=vnet.zone,
        tenant=vnet.tenant,
        vni=number,
        route_target=allocate.route_target(site.fabric.asn, number),
        subnets=tuple(str(subnet.prefix) for subnet in subnets),
        gateways=tuple(str(subnet.gateway) for subnet in subnets),
        listens=site.tenants[vnet.tenant].guest_bgp.enabled,
    )


def _host(
    site: Site, name: str, guests: tuple[AttachedGuest, ...], policies: Policies, filters: FirewallPlan
) -> HostPlan:
    host, own = site.hosts[name], loopbacks(site, name)
    zones = tuple(zone for zone in sorted(site.zones) if name in zone_nodes(site, zone))
    placed = tuple(guest for guest in guests if name in guest.placement)
    vrfs = tuple(_vrf(site, zone, own.ipv4, vrf_routes(filters, zone, zones, host.kind), host.kind) for zone in zones)
    peers = tuple(loopbacks(site, peer) for peer in mesh_peers(site, name))
    return HostPlan(
        name=name,
        kind=host.kind,
        pve_version=host.pve_version,
        frr_version=host.frr_version,
        ipv4=own.ipv4,
        ipv6=own.ipv6,
        interfaces=ospf_interfaces(site, name),
        silenced=tuple(_silenced(site, zones)),
        bfd_profiles=bfd_profiles(site),
        vrfs=vrfs,
        bgp=(
            global_instance(site, name, peers, tuple(vrf.name for vrf in vrfs)),
            *(vrf_instance(site, zone, name, tuple(guest for guest in placed if guest.zone == zone)) for zone in zones),
        ),
        policy=policies.of_host(zones, placed),
        sysctls=sysctls(zones, (vnet for vnet in sorted(site.vnets) if site.vnets[vnet].zone in zones)),
        daemons=DAEMONS,
    )


def _silenced(site: Site, zones: tuple[str, ...]) -> Iterator[SilencedInterface]:
    """Yield the VNets in ``zones`` whose guests may speak BGP: their sessions make FRR advertise routers."""
    for name, vnet in sorted(site.vnets.items()):
        if vnet.zone in zones and site.tenants[vnet.tenant].guest_bgp.enabled:
            yield SilencedInterface(name, (str(vnet.subnets.ipv6.prefix),))


def _vrf(site: Site, zone: str, router_id: str, routes: tuple[VrfRoute, ...], kind: str) -> Vrf:
    l3vni = allocate.l3vni(site.zones[zone].id)
    return Vrf(
        name=names.vrf_name(zone),
        zone=zone,
        l3vni=l3vni,
        route_distinguisher=f"{router_id}:*",
        route_target=allocate.route_target(site.fabric.asn, l3vni),
        generated=kind == "pve",
        routes=routes,
    )


def _guest(site: Site, guest: AttachedGuest) -> GuestPlan:
    subnets = site.vnets[guest.vnet].subnets
    return GuestPlan(
        guest=guest,
        gateway_ipv4=str(subnets.ipv4.gateway) if subnets.ipv4 else None,
        gateway_ipv6=str(subnets.ipv6.gateway),
        gateway_asn=site.fabric.asn,
        hosts=guest.placement,
    )

"""From a site to its plan: puts together what the other modules of this package decide."""

from __future__ import annotations

from collections.abc import Mapping

from trellis import allocate
from trellis.plan import wiring
from trellis.plan.delegated import advertisement, delegated_subnets
from trellis.plan.firewall import firewall
from trellis.plan.guest_sessions import limits, peerings_of
from trellis.plan.hosts import Hosts
from trellis.plan.machines import ClusterPlan, cluster_plan, machine_plan
from trellis.plan.model import EdgePlan, GuestPlan, Plan, VnetPlan
from trellis.plan.peering import PeeringPlan, infrastructure_asns
from trellis.plan.rollout import rollout
from trellis.plan.routeros import routeros_plan
from trellis.plan.sdn import sdn_state, vni
from trellis.plan.speakers import speaker_plan
from trellis.site.checks.addresses import infrastructure
from trellis.site.model import Site
from trellis.site.resolved import AttachedGuest, attached_guests, by_id, peering_policy, policy_path


def plan(site: Site) -> Plan:
    """Return everything that will be done for ``site``, each number and policy resolved.

    Args:
        site: A site that was accepted.
    """
    guests = attached_guests(site)
    filters = firewall(site, guests)
    hosts = by_id(site, site.hosts)
    peerings = peerings_of(site, guests)
    planned = Hosts(site, guests, filters, peerings)
    return Plan(
        site_name=site.name,
        asn=site.fabric.asn,
        sdn=sdn_state(site),
        hosts=tuple(map(planned.plan, hosts)),
        edges=tuple(_edge(site, name, hosts, peerings) for name in sorted(site.edges)),
        vnets=tuple(_vnet(site, name, peerings.get(name)) for name in sorted(site.vnets)),
        guests=tuple(_guest(site, guest, peerings[guest.vnet]) for guest in guests),
        clusters=tuple(_cluster(site, name) for name in sorted(site.clusters)),
        infrastructure=tuple(sorted(str(prefix) for _, prefix in infrastructure(site))),
        infrastructure_asns=infrastructure_asns(site),
        firewall=filters,
        zones=wiring.zones(site),
        links=wiring.links(site),
        rollout=rollout(site),
    )


def _edge(site: Site, name: str, hosts: tuple[str, ...], peerings: Mapping[str, PeeringPlan]) -> EdgePlan:
    edge = site.edges[name]
    return EdgePlan(
        name=name,
        asn=edge.asn,
        ipv4=str(edge.loopback.ipv4),
        ipv6=str(edge.loopback.ipv6),
        hosts=hosts,
        accepts=tuple(sorted(map(str, edge.accepts))),
        kind=edge.kind,
        md5=edge.md5,
        routeros=routeros_plan(site, name, peerings) if edge.kind == "routeros" else None,
    )


def _vnet(site: Site, name: str, peering: PeeringPlan | None) -> VnetPlan:
    vnet, number = site.vnets[name], vni(site, name)
    pools = site.tenants[vnet.tenant].loopbacks
    subnets = [subnet for subnet in (vnet.subnets.ipv6, vnet.subnets.ipv4) if subnet is not None]
    return VnetPlan(
        name=name,
        zone=vnet.zone,
        tenant=vnet.tenant,
        vni=number,
        route_target=allocate.route_target(site.fabric.asn, number),
        subnets=tuple(str(subnet.prefix) for subnet in subnets),
        gateways=tuple(str(subnet.gateway) for subnet in subnets),
        peering=peering,
        policy_path=policy_path(site, name),
        loopbacks=tuple(str(pool) for pool in (pools.ipv6, pools.ipv4) if pool is not None) if pools else (),
        delegated=delegated_subnets(site, name),
        advertisement=advertisement(site, name, heard=peering is not None),
    )


def _guest(site: Site, guest: AttachedGuest, peering: PeeringPlan) -> GuestPlan:
    subnets = site.vnets[guest.vnet].subnets
    return GuestPlan(
        guest=guest,
        gateway_ipv4=str(subnets.ipv4.gateway) if subnets.ipv4 else None,
        gateway_ipv6=str(subnets.ipv6.gateway),
        gateway_asn=site.fabric.asn,
        hosts=guest.placement,
        limits=limits(guest, peering),
        speaker=speaker_plan(site, guest, peering),
        machine=machine_plan(site, guest),
    )


def _cluster(site: Site, name: str) -> ClusterPlan:
    return cluster_plan(site, name, peers_told=peering_policy(site, site.clusters[name].vnet).export_peer_loopbacks)

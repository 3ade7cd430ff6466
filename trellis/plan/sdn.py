"""The SDN objects that Proxmox is asked for: one EVPN controller, the zones, the VNets and their subnets."""

from __future__ import annotations

from trellis import allocate
from trellis.plan.delegated import delegated_subnets
from trellis.plan.sessions import loopbacks, reflecting, vtep_family
from trellis.pve import EvpnController, EvpnZone, SdnState, Subnet, Vnet
from trellis.site.model import Site
from trellis.site.resolved import zone_nodes


def sdn_state(site: Site) -> SdnState | None:
    """Return what Proxmox shall hold, or None for a site without Proxmox.

    Args:
        site: The site.
    """
    if site.proxmox is None:
        return None
    speakers = reflecting(site) or tuple(sorted(site.hosts, key=lambda name: site.hosts[name].id))
    controller = EvpnController(
        id=site.proxmox.controller,
        asn=site.fabric.asn,
        peers=tuple(loopbacks(site, name).of(vtep_family(site)) for name in speakers),
    )
    zones = (
        EvpnZone(
            id=zone_id,
            vrf_vxlan=allocate.l3vni(zone.id),
            controller=controller.id,
            mtu=zone.mtu,
            nodes=_proxmox_nodes(site, zone_id) if zone.nodes else (),
        )
        for zone_id, zone in sorted(site.zones.items())
        if _proxmox_nodes(site, zone_id)
    )
    vnets = (_vnet(site, vnet_id) for vnet_id, vnet in sorted(site.vnets.items()) if _proxmox_nodes(site, vnet.zone))
    return SdnState(controller, tuple(zones), tuple(vnets))


def _proxmox_nodes(site: Site, zone_id: str) -> tuple[str, ...]:
    """Return the zone's hosts that Proxmox knows: it refuses the name of a plain FRR host."""
    return tuple(name for name in zone_nodes(site, zone_id) if site.hosts[name].kind == "pve")


def vni(site: Site, vnet_id: str) -> int:
    """Return the VNI of a VNet: its own, or the one that follows from its tenant's id."""
    vnet = site.vnets[vnet_id]
    return vnet.vni if vnet.vni is not None else allocate.l2vni(site.tenants[vnet.tenant].id)


def _vnet(site: Site, vnet_id: str) -> Vnet:
    vnet = site.vnets[vnet_id]
    subnets = [subnet for subnet in (vnet.subnets.ipv4, vnet.subnets.ipv6) if subnet is not None]
    delegated = (Subnet(subnet.prefix, subnet.gateway) for subnet in delegated_subnets(site, vnet_id))
    return Vnet(
        id=vnet_id,
        zone=vnet.zone,
        tag=vni(site, vnet_id),
        alias=vnet.alias or None,
        subnets=(*(Subnet(str(subnet.prefix), str(subnet.gateway)) for subnet in subnets), *delegated),
    )

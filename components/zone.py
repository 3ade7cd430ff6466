"""An EVPN zone of Proxmox, which is one VRF, with the VNets in it and their subnets."""

from __future__ import annotations

from ipaddress import ip_network

import pulumi
from pulumi_proxmoxve.sdn import subnet as pve_subnet
from pulumi_proxmoxve.sdn import vnet as pve_vnet
from pulumi_proxmoxve.sdn.zone import evpn as pve_zone

from trellis import pve


class EvpnZone(pulumi.ComponentResource):
    """A zone and its VNets.

    Args:
        name: Name of the component.
        zone: The zone.
        vnets: Its VNets.
        opts: ``depends_on`` must name the controller.
    """

    def __init__(
        self, name: str, zone: pve.EvpnZone, vnets: tuple[pve.Vnet, ...], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("trellis:proxmox:EvpnZone", name, {}, opts)
        made = pve_zone.Evpn(
            f"{name}-zone",
            resource_id=zone.id,
            controller=zone.controller,
            vrf_vxlan=zone.vrf_vxlan,
            mtu=zone.mtu,
            nodes=zone.nodes or None,
            advertise_subnets=False,
            # An L3VNI is unique: Proxmox refuses the new zone while the old one is there.
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on, delete_before_replace=True),
        )
        members = [
            Vnet(f"{name}-{vnet.id}", vnet, pulumi.ResourceOptions(parent=self, depends_on=[made])) for vnet in vnets
        ]
        self.objects: tuple[pulumi.Resource, ...] = (
            made,
            *(resource for member in members for resource in member.objects),
        )
        self.register_outputs({"vrf": zone.vrf, "l3vni": zone.vrf_vxlan})


class Vnet(pulumi.ComponentResource):
    """A VNet and its subnets.

    Args:
        name: Name of the component.
        vnet: The VNet.
        opts: ``depends_on`` must name the zone.
    """

    def __init__(self, name: str, vnet: pve.Vnet, opts: pulumi.ResourceOptions) -> None:
        super().__init__("trellis:proxmox:Vnet", name, {}, opts)
        made = pve_vnet.Vnet(
            f"{name}-vnet",
            resource_id=vnet.id,
            zone=vnet.zone,
            tag=vnet.tag,
            alias=vnet.alias,
            # A tag is unique, as an L3VNI is.
            opts=pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on, delete_before_replace=True),
        )
        subnets = [
            pve_subnet.Subnet(
                f"{name}-ipv{ip_network(subnet.cidr).version}",
                vnet=vnet.id,
                cidr=subnet.cidr,
                gateway=subnet.gateway,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[made], delete_before_replace=True),
            )
            for subnet in vnet.subnets
        ]
        self.objects: tuple[pulumi.Resource, ...] = (made, *subnets)
        self.register_outputs({"vni": vnet.tag})

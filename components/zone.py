"""An EVPN zone of Proxmox, which is one VRF, with the VNets in it and their subnets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        after: What must be there before, and be deleted after: the finalizer and the controller.
        opts: The parent.
    """

    def __init__(
        self,
        name: str,
        zone: pve.EvpnZone,
        vnets: tuple[pve.Vnet, ...],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
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
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, delete_before_replace=True),
        )
        # The engine orders deletions by direct dependencies alone: each object names all that must outlive it.
        members = [
            Vnet(f"{name}-{vnet.id}", vnet, [*after, made], pulumi.ResourceOptions(parent=self)) for vnet in vnets
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
        after: What must be there before, and be deleted after: the finalizer, the controller and the zone.
        opts: The parent.
    """

    def __init__(
        self, name: str, vnet: pve.Vnet, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("trellis:proxmox:Vnet", name, {}, opts)
        made = pve_vnet.Vnet(
            f"{name}-vnet",
            resource_id=vnet.id,
            zone=vnet.zone,
            tag=vnet.tag,
            alias=vnet.alias,
            # A tag is unique, as an L3VNI is.
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, delete_before_replace=True),
        )
        subnets = [
            pve_subnet.Subnet(
                f"{name}-{label}",
                vnet=vnet.id,
                cidr=subnet.cidr,
                gateway=subnet.gateway,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*after, made], delete_before_replace=True),
            )
            for label, subnet in _labelled(vnet.subnets)
        ]
        self.objects: tuple[pulumi.Resource, ...] = (made, *subnets)
        self.register_outputs({"vni": vnet.tag})


def _labelled(subnets: Sequence[pve.Subnet]) -> Iterator[tuple[str, pve.Subnet]]:
    """Yield each subnet with its name: the first of a family by that, a delegated one by its prefix.

    So one that comes is made before the one that it replaces is deleted, and one that is deprecated stays what it is.
    """
    seen: set[int] = set()
    for subnet in subnets:
        network = ip_network(subnet.cidr)
        if network.version in seen:
            yield str(network.network_address).rstrip(":").replace(":", "-"), subnet
        else:
            seen.add(network.version)
            yield f"ipv{network.version}", subnet

"""A zone with VNets; `finalizer` applies what is removed, `applier` what is added or changed."""

import json

import pulumi
import pulumi_proxmoxve as pve
from pulumi import ResourceOptions

from components.protection import protect

config = pulumi.Config()
protect(pulumi.Config("trellis"))
vnets = config.require_object("vnets")
provider = pve.Provider("pve", endpoint=config.require("endpoint"), api_token=config.require_secret("token"))
content = json.dumps(vnets, sort_keys=True)

finalizer = pve.sdn.Applier(
    "finalizer",
    on_create=False,
    on_destroy=True,
    opts=ResourceOptions(provider=provider, replacement_trigger=content),
)


def after_finalizer(**more: object) -> ResourceOptions:
    return ResourceOptions(provider=provider, depends_on=[finalizer], **more)


controller = pve.sdn.controller.Evpn(
    "evpn", sdn_controller_evpn_id="evpn", asn=4200001000, peers=["10.255.0.1"], opts=after_finalizer()
)
zone = pve.sdn.zone.Evpn(
    "evpnz1",
    resource_id="evpnz1",
    controller=controller.sdn_controller_evpn_id,
    vrf_vxlan=4096,
    mtu=8950,
    opts=after_finalizer(delete_before_replace=True),
)
objects: list[pulumi.Resource] = [controller, zone]
for name, vnet in sorted(vnets.items()):
    made = pve.sdn.Vnet(
        name,
        resource_id=vnet.get("id", name),
        zone=zone.resource_id,
        tag=vnet["tag"],
        opts=after_finalizer(delete_before_replace=True),
    )
    objects.append(made)
    for cidr, gateway in vnet["subnets"]:
        objects.append(
            pve.sdn.Subnet(f"{name}-{cidr}", vnet=made.resource_id, cidr=cidr, gateway=gateway, opts=after_finalizer())
        )
pve.sdn.Applier(
    "applier",
    on_create=True,
    on_destroy=False,
    opts=ResourceOptions(provider=provider, depends_on=objects, replacement_trigger=content),
)

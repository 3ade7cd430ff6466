"""The real `Sdn` component; `zones` holds for each zone its tenants, and for each tenant its address families."""

import pulumi
import pulumi_proxmoxve

from components.protection import protect
from components.sdn import Sdn, judgement
from trellis.pve import EvpnController, EvpnZone, SdnState, Subnet, Vnet

SUBNETS = {
    "ipv4": lambda tenant: (f"10.{tenant}.0.0/24", f"10.{tenant}.0.254"),
    "ipv6": lambda tenant: (f"fd00:{tenant}::/64", f"fd00:{tenant}::fffe"),
}
config = pulumi.Config()
protect(pulumi.Config("trellis"))
zones = config.require_object("zones")
state = SdnState(
    controller=EvpnController("evpn", 4200001000, ("10.255.0.1", "10.255.0.2")),
    zones=tuple(EvpnZone(zone, 4096 + index, "evpn", 8950) for index, zone in enumerate(sorted(zones))),
    vnets=tuple(
        Vnet(
            f"vnet{tenant}",
            zone,
            10000 + int(tenant),
            subnets=tuple(Subnet(*SUBNETS[family](tenant)) for family in zones[zone][tenant]),
        )
        for zone in sorted(zones)
        for tenant in zones[zone]
    ),
)
endpoint = config.require("endpoint")
provider = pulumi_proxmoxve.Provider("proxmox", endpoint=endpoint, api_token=config.require_secret("token"))
judge = judgement(endpoint, config.require("token"), state, [])
Sdn("sdn", state, pulumi.ResourceOptions(providers=[provider]), judge=judge)

"""Proxmox's SDN: the EVPN controller, zones with their VNets, and the two appliers around them.

Why two appliers: Proxmox keeps changes pending until somebody applies them, and Pulumi deletes last.  The first
one applies additions, before any host's own configuration follows.  The finalizer is what every SDN object
depends on, so that its deletion comes after theirs, and applies the removals.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

import pulumi
from pulumi_proxmoxve.sdn import applier
from pulumi_proxmoxve.sdn.controller import evpn as controller

from components.zone import EvpnZone
from trellis.pve import SdnState


class Sdn(pulumi.ComponentResource):
    """Everything that Proxmox's SDN holds for a site.

    Args:
        name: Name of the component.
        state: What Proxmox shall hold.
        opts: Must bring the proxmoxve provider.
        after: What must be there before anything is sent to Proxmox: hosts that have their loopbacks.
    """

    def __init__(
        self,
        name: str,
        state: SdnState,
        opts: pulumi.ResourceOptions | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        super().__init__("trellis:proxmox:Sdn", name, {}, opts)
        if state.controller is None:
            raise ValueError("an SDN without a controller has nothing to hold")
        # Both appliers act once per content: whatever changes below replaces them.
        content = hashlib.sha256(repr(asdict(state)).encode()).hexdigest()
        finalizer = applier.Applier(
            f"{name}-removals",
            on_create=False,
            on_destroy=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, replacement_trigger=content),
        )
        evpn = controller.Evpn(
            f"{name}-{state.controller.id}",
            sdn_controller_evpn_id=state.controller.id,
            asn=state.controller.asn,
            peers=state.controller.peers,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[finalizer]),
        )
        zones = [
            EvpnZone(
                f"{name}-{zone.id}",
                zone,
                tuple(vnet for vnet in state.vnets if vnet.zone == zone.id),
                [finalizer, evpn],
                pulumi.ResourceOptions(parent=self),
            )
            for zone in state.zones
        ]
        self.applied = applier.Applier(
            f"{name}-additions",
            on_create=True,
            on_destroy=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[evpn, *(resource for zone in zones for resource in zone.objects)],
                replacement_trigger=content,
            ),
        )
        self.register_outputs({"content": content})

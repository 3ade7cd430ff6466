"""Proxmox's SDN: the EVPN controller, zones with their VNets, and the two appliers around them.

Why two appliers: Proxmox keeps changes pending until somebody applies them, and Pulumi deletes last.  The first
one applies additions, before any host's own configuration follows, and only once ``judge`` has seen what is pending:
an apply brings it all into force, whoever made it.  The finalizer is what every SDN object depends on, so that its
deletion comes after theirs, and applies the removals; nobody judges those, for a hook on a deletion would have the
engine refuse a plain ``pulumi destroy``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import pulumi
from pulumi_proxmoxve.sdn import applier
from pulumi_proxmoxve.sdn.controller import evpn as controller

from components.zone import EvpnZone
from trellis.pve import SdnState
from trellis.pve_api import refuse_unless_ours
from trellis.render import FRR_CONF, Bundle


def judgement(endpoint: str, token: str, state: SdnState, bundles: Sequence[Bundle]) -> Callable[[], None]:
    """Return what raises if an apply now would do anything but what the site says.

    Args:
        endpoint: The cluster's API.
        token: The provider's token, in the clear.
        state: What Proxmox shall hold.
        bundles: Those of the hosts that are part of the run, for what Proxmox will generate there.
    """
    computed = {bundle.host: (bundle.base, bundle.text(FRR_CONF)) for bundle in bundles if bundle.base is not None}
    return partial(refuse_unless_ours, endpoint, token, state, computed)


class Sdn(pulumi.ComponentResource):
    """Everything that Proxmox's SDN holds for a site.

    Args:
        name: Name of the component.
        state: What Proxmox shall hold.
        opts: Must bring the proxmoxve provider.
        after: What must be there before anything is sent to Proxmox: hosts that have their loopbacks.
        judge: Raises if what is pending in the cluster may not be applied; called right before the additions are.
    """

    def __init__(
        self,
        name: str,
        state: SdnState,
        opts: pulumi.ResourceOptions | None = None,
        after: Sequence[pulumi.Resource] = (),
        judge: Callable[[], None] = lambda: None,
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

        async def judged(_: pulumi.ResourceHookArgs) -> None:
            await asyncio.to_thread(judge)  # it asks Proxmox, and other hooks must go on meanwhile

        before_apply: list[pulumi.ResourceHook | pulumi.ResourceHookFunction]
        before_apply = [pulumi.ResourceHook(f"trellis-{name}-judge", judged)]
        self.applied = applier.Applier(
            f"{name}-additions",
            on_create=True,
            on_destroy=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[evpn, *(resource for zone in zones for resource in zone.objects)],
                replacement_trigger=content,
                hooks=pulumi.ResourceHookBinding(before_create=before_apply, before_update=before_apply),
            ),
        )
        self.register_outputs({"content": content})

"""Zones and VNets that the engine neither deletes nor replaces, unless the stack's configuration names them.

Deleting one cuts every guest on it off, and a rename in a site is a deletion.  ``trellis:protected`` puts it in force:
``{except: []}`` protects all; who wants ``vnet101`` gone names it there, deploys, and takes it out of the site then.
That a stack has the key can be asked for by the policy pack (``policy_pack/``).
"""

from __future__ import annotations

from typing import Any

import pulumi

KEY = "protected"
_EXCEPT = "except"
PROTECTED_TYPES = ("proxmoxve:sdn/zone/evpn:Evpn", "proxmoxve:sdn/vnet:Vnet")
"""What is protected: not the subnets of a VNet, since delegated prefixes come and go."""


def protect(config: pulumi.Config) -> None:
    """Have zones and VNets that are made from now on protected, where the configuration asks for it.

    Args:
        config: The configuration of ``trellis``.

    Raises:
        pulumi.RunError: If what it says under ``protected`` means nothing.
    """
    said = config.get_object(KEY)
    if said is None:
        return
    free = _free(said)

    def protected(given: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if given.type_ not in PROTECTED_TYPES or given.props["resource_id"] in free:
            return None
        return pulumi.ResourceTransformationResult(
            given.props, pulumi.ResourceOptions.merge(given.opts, pulumi.ResourceOptions(protect=True))
        )

    pulumi.runtime.register_stack_transformation(protected)


def _free(said: Any) -> frozenset[str]:
    """Return the ids of zones and VNets that may go."""
    names = said.get(_EXCEPT) if isinstance(said, dict) and said.keys() == {_EXCEPT} else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise pulumi.RunError(
            f"trellis:{KEY} is refused; nothing was changed\n"
            f"  rule:   it names the zones and VNets that may be deleted or replaced, under `{_EXCEPT}`\n"
            "  why:    what is not understood would protect nothing\n"
            f"  remedy: write `trellis:{KEY}: {{{_EXCEPT}: []}}`, or with names as in [vnet101], or remove the key"
        )
    return frozenset(names)

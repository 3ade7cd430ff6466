"""The policies of this pack, for `pulumi preview --policy-pack policy_pack` and `pulumi up`: docs/policies.md.

Each asks ``judgements`` and reports what it says.  What a policy sees are the resources that a program registers, never
the ones that a run would delete: so zones and VNets are asked to be protected, which has the engine refuse, and hosts
are asked to be there.
"""

from __future__ import annotations

import json
from typing import Any

import judgements
import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)


def _config() -> pulumi.Config:
    return pulumi.Config("trellis")


def _secrets() -> list[str]:
    """Return the values of the stack's secrets, of which the engine gives a policy pack the clear text."""
    config = _config()
    single = [config.get(key) for key in ("sshPrivateKey", "proxmoxApiToken")]
    return [*filter(None, single), *map(str, (config.get_object("secrets") or {}).values())]


def _free() -> list[str]:
    said = _config().get_object("protected")
    return list(said.get("except") or ()) if isinstance(said, dict) else []


def _pinned(args: ResourceValidationArgs, report: ReportViolation) -> None:
    for message in judgements.unpinned(args.resource_type, args.props):
        report(message)


def _protected(args: ResourceValidationArgs, report: ReportViolation) -> None:
    for message in judgements.unprotected(args.resource_type, args.props, protect=args.opts.protect, free=_free()):
        report(message)


def _secret(args: ResourceValidationArgs, report: ReportViolation) -> None:
    hidden = list(args.opts.additional_secret_outputs)
    for message in judgements.in_the_open(args.resource_type, args.props, hidden_outputs=hidden, secrets=_secrets()):
        report(message)


def _there(args: StackValidationArgs, report: ReportViolation) -> None:
    asked = args.get_config()
    routers = [one.name for one in args.resources if one.resource_type == judgements.ROUTER]
    for message in judgements.gone(
        routers,
        hosts=asked.get("hosts") or (),
        decommissioned=asked.get("decommissioned") or (),
        left_out=_in_maintenance(),
    ):
        report(message)


def _in_maintenance() -> list[str]:
    site: Any = json.loads(_config().get("site") or "{}")
    return [name for name, host in site.get("hosts", {}).items() if host.get("maintenance") is not None]


_NAMES = {"type": "array", "items": {"type": "string"}, "default": []}

PolicyPack(
    name="trellis",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="host-keys-pinned",
            description="A remote command goes to a host whose key is pinned.",
            validate=_pinned,
        ),
        ResourceValidationPolicy(
            name="secrets-stay-secret",
            description="A secret reaches a host on standard input alone, and no output shows it.",
            validate=_secret,
        ),
        ResourceValidationPolicy(
            name="networks-protected",
            description="A zone or a VNet is neither deleted nor replaced unless the configuration names it.",
            validate=_protected,
        ),
        StackValidationPolicy(
            name="hosts-stay",
            description="A host's routing leaves the stack only by a declared decommission.",
            validate=_there,
            config_schema=PolicyConfigSchema(properties={"hosts": _NAMES, "decommissioned": _NAMES}),
        ),
    ],
)

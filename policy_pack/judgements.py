"""What the policies of this pack decide, as functions of plain values: resources in, sentences out.

They know nothing of Pulumi, so that tests run them without it; how they become policies is ``__main__``'s.  This pack
stands alone: it reads what the engine shows it of a stack, and nothing of Trellis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Properties = Mapping[str, Any]

COMMANDS = ("command:remote:Command", "command:remote:CopyFile", "command:remote:CopyToRemote")
COMMAND = COMMANDS[0]
NETWORKS = {"proxmoxve:sdn/zone/evpn:Evpn": "zone", "proxmoxve:sdn/vnet:Vnet": "VNet"}
"""What must not go by mistake, by the engine's type, and what people call it."""
ROUTER = "trellis:host:Router"
"""The component of a host's FRR; it is called as its host."""

HIDDEN = ("stdin", "stdout", "stderr")
"""Outputs of a command that are secret where its input is."""
_SHORTEST_SECRET = 6
"""Characters; a shorter one would be found in places that have nothing to do with it."""


def unpinned(kind: str, properties: Properties) -> Iterator[str]:
    """Yield why a connection of a remote command may lead to somebody else.

    Args:
        kind: The resource's type.
        properties: Its inputs.
    """
    if kind not in COMMANDS:
        return
    connection = properties.get("connection") or {}
    places = {"connection": connection, "connection.proxy": connection.get("proxy")}
    for place, found in places.items():
        if found is not None and not found.get("hostKey"):
            yield (
                f"{place}.hostKey is not set: whoever answers at {found.get('host')} is sent the configuration. "
                f"Set it to the line of `ssh-keyscan -t ed25519 {found.get('host')}` without the name."
            )


def unprotected(kind: str, properties: Properties, *, protect: bool, free: Sequence[str]) -> Iterator[str]:
    """Yield why a zone or a VNet could be deleted or replaced without anybody having said so.

    Args:
        kind: The resource's type.
        properties: Its inputs.
        protect: Whether the engine protects it.
        free: Ids that the stack's configuration names as free to go.
    """
    what = NETWORKS.get(kind)
    name = properties.get("resourceId")
    if what is not None and not protect and name not in free:
        yield (
            f"{what} {name} is not protected: a rename in the site would delete it, and cut off every guest on it. "
            f"Set `trellis:protected: {{except: []}}` in the stack's configuration; "
            f"if it is to go or be replaced, name it there: {{except: [{name}]}}."
        )


def in_the_open(
    kind: str, properties: Properties, *, hidden_outputs: Sequence[str], secrets: Sequence[str]
) -> Iterator[str]:
    """Yield where a secret of the stack's configuration would be seen by who may not.

    Args:
        kind: The resource's type.
        properties: Its inputs, secrets in the clear.
        hidden_outputs: Outputs that the engine keeps as secrets.
        secrets: Values of the stack's secrets.
    """
    if kind != COMMAND:
        return
    known = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    for place in ("create", "update", "delete", "environment"):
        if _holds(properties.get(place), known):
            yield f"{place} holds a secret: the host shows it in `ps` and in logs. Give it on standard input."
    missing = [name for name in HIDDEN if name not in hidden_outputs]
    if missing and _holds(properties.get("stdin"), known):
        yield (
            f"stdin holds a secret, and {', '.join(missing)} would stand in the state and in outputs in the clear. "
            f"Name them in additional_secret_outputs."
        )


def gone(
    routers: Sequence[str], *, hosts: Sequence[str], decommissioned: Sequence[str], left_out: Sequence[str]
) -> Iterator[str]:
    """Yield each host whose routing is no longer the stack's although nobody declared that it goes.

    Args:
        routers: Names of the hosts that the stack has a router of.
        hosts: Those that it must have one of.
        decommissioned: Those of them that are declared to go.
        left_out: Those that the site itself leaves out of its runs: hosts in maintenance.
    """
    for host in sorted(set(hosts) - set(decommissioned) - set(left_out) - set(routers)):
        yield (
            f"host {host} has no router in this stack any more: it keeps what it runs, and follows no change. "
            f"Put it back into the site, or declare it in the configuration of this policy: decommissioned: [{host}]."
        )


def _holds(value: Any, secrets: Sequence[str]) -> bool:
    if isinstance(value, str):
        return any(secret in value for secret in secrets)
    if isinstance(value, Mapping):
        return any(_holds(below, secrets) for below in value.values())
    return False

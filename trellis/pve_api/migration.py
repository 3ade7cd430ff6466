"""Having Proxmox move a running VM to another node: what keeps it from that, the order, and the task to its end.

Which guest is which VM, and where it goes, is decided elsewhere (``trellis.operations.draining``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

from trellis.pve_api.client import ApiProblem

PRIVILEGE = "VM.Migrate"
"""What a token needs on /vms/VMID, also to be told what keeps a VM where it is."""

LONGEST_S = 3600.0
"""Seconds after which a migration is given up on; 256 GB at 1 Gbit/s are 36 minutes."""

LOOK_EVERY_S = 1.0
_LAST_LINES = 5


class Asked(Protocol):
    """What is asked: ``trellis.pve_api.client.Api``."""

    def get(self, path: str, **query: str) -> Any:
        """The ``data`` of an answer."""

    def post(self, path: str, **fields: str) -> Any:
        """The ``data`` of an answer."""


class MigrationFailed(Exception):
    """A VM that was not moved, and why."""


def may_not(problem: ApiProblem) -> bool:
    """Whether Proxmox refused because of the token's privileges."""
    return problem.status == 403


def hindrances(api: Asked, node: str, vmid: int) -> tuple[list[str], list[str]]:
    """What keeps a VM from moving while it runs.

    Args:
        api: The cluster's API.
        node: The node that it is on.
        vmid: Its number.

    Returns:
        Devices of the node that it uses, which do not move; and its disks on the node's own storage, which are copied.

    Raises:
        ApiProblem: Proxmox does not say.
    """
    found = api.get(f"/nodes/{node}/qemu/{vmid}/migrate")
    entry = found if isinstance(found, dict) else {}
    disks = [
        str(disk.get("volid", disk)) if isinstance(disk, dict) else str(disk) for disk in _list(entry, "local_disks")
    ]
    return [str(device) for device in _list(entry, "local_resources")], disks


def _list(entry: dict[str, Any], name: str) -> list[Any]:
    found = entry.get(name)
    return found if isinstance(found, list) else []


def migrate(api: Asked, node: str, vmid: int, target: str, *, local_disks: bool, say: Callable[[str], None]) -> None:
    """Move a running VM, and wait until it is there.

    Args:
        api: The cluster's API.
        node: The node that it is on.
        vmid: Its number.
        target: The node that it moves to.
        local_disks: Whether disks on the node's own storage are copied along.
        say: Takes each new line of the task's log.

    Raises:
        ApiProblem: Proxmox refuses, or does not answer any more: the task goes on by itself.
        MigrationFailed: The task failed, or took too long.
    """
    fields = {"target": target, "online": "1", **({"with_local_disks": "1"} if local_disks else {})}
    upid = str(api.post(f"/nodes/{node}/qemu/{vmid}/migrate", **fields))
    task, deadline, told = f"/nodes/{node}/tasks/{quote(upid, safe='')}", time.monotonic() + LONGEST_S, 0
    while True:
        status = api.get(f"{task}/status")
        # Of a log without more lines Proxmox says "no content".
        entries = api.get(f"{task}/log", start=str(told), limit="500")
        lines = [str(line["t"]) for line in entries if line.get("t", "no content") != "no content"]
        for line in lines:
            say(f"VM {vmid}: {line}")
        told += len(lines)
        if status.get("status") == "stopped":
            break
        if time.monotonic() > deadline:
            raise MigrationFailed(f"VM {vmid} is under way for over {LONGEST_S:g} s: see task {upid}")
        time.sleep(LOOK_EVERY_S)
    if status.get("exitstatus") != "OK":
        last = "; ".join(lines[-_LAST_LINES:])
        raise MigrationFailed(f"VM {vmid} was not moved: {status.get('exitstatus')}{': ' if last else ''}{last}")

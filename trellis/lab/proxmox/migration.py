"""Moving a VM to another node while it runs: what Proxmox asks of it, and the task that does it.

The lab moves the guest itself, by a command of the configuration; without one a VM is only a line of the guests' file,
and moves there. A real VM's memory takes its time; here the outage alone is real.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from trellis.lab.proxmox.call import Call, Simulator
from trellis.lab.proxmox.cluster import guests_of
from trellis.lab.proxmox.problem import ApiProblem
from trellis.lab.proxmox.tasks import Say

LONGEST_S = 300
"""Seconds that the lab may take to move a guest."""


def preconditions(simulator: Simulator, call: Call) -> dict[str, Any]:
    """What is in the way of a migration."""
    guest = _guest(simulator, call)
    others = [node.name for node in simulator.config.nodes if node.name != guest["node"]]
    return {
        "running": int(guest.get("status", "running") == "running"),
        "allowed_nodes": others,
        "local_disks": guest.get("local_disks", []),
        "local_resources": guest.get("local_resources", []),
        "mapped-resources": [],
    }


def migrate(simulator: Simulator, call: Call) -> str:
    """Begin a migration; the answer is its task."""
    guest, target = _guest(simulator, call), call.need("target")
    if simulator.config.node(target) is None:
        raise ApiProblem(f"no such cluster node '{target}'")
    if target == guest["node"]:
        raise ApiProblem("target is local node.", status=400)
    if not call.is_set("online") and guest.get("status", "running") == "running":
        raise ApiProblem("can't migrate running VM without --online")

    def work(say: Say) -> str:
        say(f"starting migration of VM {guest['vmid']} to node '{target}'")
        if guest.get("local_resources"):
            say(f"ERROR: can't migrate VM which uses local devices: {', '.join(guest['local_resources'])}")
            return "migration aborted"
        if guest.get("local_disks") and not call.is_set("with-local-disks"):
            say("ERROR: can't live migrate attached local disks without with-local-disks option")
            return "migration aborted"
        if not simulator.transport.reachable(target):
            say(f"ERROR: can't connect to destination node {target}")
            return "migration aborted"
        return _moved(simulator, guest, target, say)

    return simulator.tasks.start(str(guest["node"]), "qmigrate", str(guest["vmid"]), call.user, work)


def _guest(simulator: Simulator, call: Call) -> dict[str, Any]:
    node, vmid = call.node(simulator).name, call.path["vmid"]
    if call.user in simulator.config.audit_only:
        raise ApiProblem(f"Permission check failed (/vms/{vmid}, VM.Migrate)", status=403)
    for guest in guests_of(simulator):
        if str(guest["vmid"]) == vmid and guest.get("node") == node:
            return guest
    raise ApiProblem(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")


def _moved(simulator: Simulator, guest: dict[str, Any], target: str, say: Say) -> str:
    vmid, command = str(guest["vmid"]), simulator.config.migrate_with
    if command:
        argv = [*command, vmid, target]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LONGEST_S, check=False)
        for line in (*done.stdout.splitlines(), *done.stderr.splitlines()):
            say(line)
        if done.returncode:
            return "migration problems"
    elif simulator.config.guests_file is not None:
        moved = [{**one, "node": target} if str(one["vmid"]) == vmid else one for one in guests_of(simulator)]
        Path(simulator.config.guests_file).write_text(json.dumps(moved))
    say("migration finished successfully")
    return "OK"

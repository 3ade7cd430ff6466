"""Handlers outside of SDN: versions, the cluster's members, guests, tasks, a node's network reload."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from trellis.lab.errors import LabError
from trellis.lab.proxmox.call import Call, Simulator
from trellis.lab.proxmox.config import NodeConfig
from trellis.lab.proxmox.nodes import NODE_COMMAND, run_logged
from trellis.lab.proxmox.problem import ApiProblem, ParameterProblem
from trellis.lab.proxmox.tasks import Task


def _version_of(node: NodeConfig) -> dict[str, str]:
    repoid = hashlib.sha256(node.manager.encode()).hexdigest()[:16]
    return {"version": node.manager, "release": ".".join(node.manager.split(".")[:2]), "repoid": repoid}


def version(simulator: Simulator, _: Call) -> dict[str, str]:
    """The version of the node that answers."""
    return _version_of(simulator.first)


def node_version(simulator: Simulator, call: Call) -> dict[str, str]:
    """A node's own version: they differ while a cluster is upgraded."""
    return _version_of(call.node(simulator))


def node_status(simulator: Simulator, call: Call) -> dict[str, Any]:
    """A node's status; of it only what names its version."""
    found = _version_of(call.node(simulator))
    return {"pveversion": f"pve-manager/{found['version']}/{found['repoid']}"}


def status(simulator: Simulator, _: Call) -> list[dict[str, Any]]:
    """The cluster and its members."""
    config = simulator.config
    members = [
        {
            "id": f"node/{node.name}",
            "type": "node",
            "name": node.name,
            "nodeid": number,
            "ip": node.address,
            "local": 1 if number == 1 else 0,
            "online": 1 if simulator.transport.reachable(node.name) else 0,
        }
        for number, node in enumerate(config.nodes, start=1)
    ]
    quorate = 1 if 2 * sum(member["online"] == 1 for member in members) > len(members) else 0
    head = {"id": "cluster", "type": "cluster", "name": config.cluster, "version": 1}
    return [{**head, "nodes": len(members), "quorate": quorate}, *members]


def nodes(simulator: Simulator, _: Call) -> list[dict[str, Any]]:
    """The cluster's nodes."""
    return [
        {
            "id": f"node/{node.name}",
            "node": node.name,
            "type": "node",
            "status": "online" if simulator.transport.reachable(node.name) else "offline",
        }
        for node in simulator.config.nodes
    ]


def guests_of(simulator: Simulator) -> list[dict[str, Any]]:
    """The guests of the cluster, as the lab has them now."""
    path = simulator.config.guests_file
    if path is None:
        return []
    try:
        guests: list[dict[str, Any]] = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"the lab's guests {path}", why=str(error), remedy="trellis lab up writes it") from error
    return guests


def resources(simulator: Simulator, call: Call) -> list[dict[str, Any]]:
    """The cluster's guests and nodes, or one kind of them."""
    wanted = call.fields.get("type")
    if wanted not in (None, "vm", "node", "storage", "sdn"):
        raise ParameterProblem({"type": "value 'x' does not have a value in the enumeration 'vm, ...'"})
    guests = [
        {"id": f"qemu/{guest['vmid']}", "type": "qemu", "status": "running", "template": 0, **_shown(guest)}
        for guest in guests_of(simulator)
    ]
    return (guests if wanted in (None, "vm") else []) + (nodes(simulator, call) if wanted in (None, "node") else [])


def qemu(simulator: Simulator, call: Call) -> list[dict[str, Any]]:
    """The guests of a node."""
    name = call.node(simulator).name
    return [{"status": "running", **_shown(guest)} for guest in guests_of(simulator) if guest.get("node") == name]


def qemu_config(simulator: Simulator, call: Call) -> dict[str, Any]:
    """A guest's configuration; of it only what it is called, its tags and its network cards."""
    node, vmid = call.node(simulator).name, call.path["vmid"]
    for guest in guests_of(simulator):
        if str(guest["vmid"]) == vmid and guest.get("node") == node:
            cards = {name: _card(**card) for name, card in _cards(guest).items()}
            tags = {"tags": guest["tags"]} if guest.get("tags") else {}
            found = {"name": guest["name"], "cores": 2, "memory": "2048", **tags, **cards}
            return {**found, "digest": hashlib.sha1(str(cards).encode(), usedforsecurity=False).hexdigest()}
    raise ApiProblem(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")


def _cards(guest: dict[str, Any]) -> dict[str, dict[str, str]]:
    """A guest's network cards by name: those that it has, or the one that it is described by."""
    found: dict[str, dict[str, str]] = guest.get("cards") or {"net0": {"mac": guest["mac"], "bridge": guest["bridge"]}}
    return found


def _card(mac: str, bridge: str) -> str:
    return f"virtio={mac.upper()},bridge={bridge},firewall=0"


def _shown(guest: dict[str, Any]) -> dict[str, Any]:
    """A guest as lists show it: without what its configuration alone tells."""
    return {name: value for name, value in guest.items() if name not in ("mac", "bridge", "tap", "cards")}


def reload_network(simulator: Simulator, call: Call) -> str:
    """Reload one node's network, as from the node's own page."""
    name = call.node(simulator).name
    given = "regenerate-frr" in call.fields
    flag = ("1" if call.is_set("regenerate-frr") else "0") if given else "auto"

    def work(say: Any) -> str:
        argv = [NODE_COMMAND, "reload", "--regenerate-frr", flag]
        went_well, lines = run_logged(simulator.transport, name, argv)
        for line in lines:
            say(line)
        return "OK" if went_well else lines[-1]

    return simulator.tasks.start(name, "srvreload", "networking", call.user, work)


def _task(simulator: Simulator, call: Call) -> Task:
    task = simulator.tasks.get(call.node(simulator).name, call.path["upid"])
    if task is None:
        raise ParameterProblem({"upid": "no such task"})
    return task


def task_status(simulator: Simulator, call: Call) -> dict[str, Any]:
    """Whether a task still runs, and how it ended."""
    return _task(simulator, call).status()


def task_log(simulator: Simulator, call: Call) -> list[dict[str, Any]]:
    """A task's lines: 50 from the first, unless the call says otherwise."""
    start = int(call.fields.get("start", 0))
    limit = int(call.fields.get("limit", 50))
    lines = list(enumerate(_task(simulator, call).log, start=1))
    return [{"n": number, "t": text} for number, text in lines[start : start + limit]]

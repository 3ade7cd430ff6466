"""Handlers below /cluster/sdn: the objects, the lock, the apply, the dry run."""

from __future__ import annotations

import json
from typing import Any

from trellis.lab.proxmox import rules
from trellis.lab.proxmox.call import Call, Simulator
from trellis.lab.proxmox.nodes import NODE_COMMAND, reload_all
from trellis.lab.proxmox.pending import has_changes, pending_view
from trellis.lab.proxmox.problem import ApiProblem, NotPlayed, ParameterProblem
from trellis.lab.proxmox.schema import SUBNET, VNET, ObjectKind
from trellis.lab.proxmox.store import SECTIONS, Objects


def _objects(simulator: Simulator, call: Call, kind: ObjectKind) -> tuple[Objects, str | None]:
    """The objects as the call wants to see them, and the digest that it is shown with them."""
    store = simulator.store
    if call.is_set("pending"):
        current = store.objects(kind.section)
        return pending_view(store.running_objects(kind.section), current), None
    if call.is_set("running"):
        return store.running_objects(kind.section), None
    return store.objects(kind.section), store.digest(kind.section)


def _shown(kind: ObjectKind, key: str, entry: dict[str, Any], digest: str | None) -> dict[str, Any]:
    out = {**entry, kind.key: key, "digest": digest}
    if kind is SUBNET:
        zone, network, mask = key.split("-")
        where = {"zone": zone, "network": network, "mask": mask, "cidr": f"{network}/{mask}"}
        out |= {"id": key, **where, "dhcp-range": []}
    return out


def _check_vnet(simulator: Simulator, call: Call, kind: ObjectKind) -> None:
    """Subnets are reached through a VNet, a VNet through itself: it must be there, pending deletion or not."""
    if kind in (VNET, SUBNET) and (vnet := call.path.get("vnet", call.path.get("id"))):
        rules.vnet_of(simulator.store, vnet)


def index(simulator: Simulator, call: Call, kind: ObjectKind) -> list[dict[str, Any]]:
    """All objects of a kind."""
    _check_vnet(simulator, call, kind)
    objects, digest = _objects(simulator, call, kind)
    shown = [_shown(kind, key, entry, digest) for key, entry in sorted(objects.items())]
    if kind is SUBNET:
        shown = [entry for entry in shown if entry.get("vnet") == call.path["vnet"]]
    if wanted := call.fields.get("type"):
        shown = [entry for entry in shown if entry.get("type") == wanted]
    return shown


def read(simulator: Simulator, call: Call, kind: ObjectKind) -> dict[str, Any]:
    """One object."""
    _check_vnet(simulator, call, kind)
    objects, digest = _objects(simulator, call, kind)
    key = call.path["id"]
    if key not in objects:
        raise ApiProblem(kind.missing.format(id=key))
    if kind is SUBNET and objects[key].get("vnet") != call.path["vnet"]:
        raise ParameterProblem({"vnet": "wrong vnet"})
    return _shown(kind, key, objects[key], digest)


def create(simulator: Simulator, call: Call, kind: ObjectKind) -> None:
    """Create an object, pending until the next apply."""
    rules.create(simulator.store, kind, _with_vnet(call))


def update(simulator: Simulator, call: Call, kind: ObjectKind) -> None:
    """Change an object, pending until the next apply."""
    _check_vnet(simulator, call, kind)
    rules.update(simulator.store, kind, call.path["id"], _with_vnet(call))


def delete(simulator: Simulator, call: Call, kind: ObjectKind) -> None:
    """Delete an object, pending until the next apply."""
    _check_vnet(simulator, call, kind)
    rules.delete(simulator.store, kind, call.path["id"], call.fields)


def _with_vnet(call: Call) -> dict[str, str]:
    return {**call.fields, **{name: value for name, value in call.path.items() if name == "vnet"}}


def sections(simulator: Simulator, _: Call) -> list[dict[str, str]]:
    """What there is below /cluster/sdn."""
    names = ["vnets", "zones", "controllers", "ipams", "dns"]
    return [{"id": name} for name in [*names, *(["fabrics"] if simulator.first.behaviour.has_lock else [])]]


def apply(simulator: Simulator, call: Call) -> str:
    """Commit what is pending, by whomever, and reload every node in the background."""
    before, after = simulator.store.commit(call.token, release_lock=call.is_set("release-lock", default=True))
    flag = "1" if any(config.get("controllers", {}).get("ids") for config in (before, after)) else "auto"
    names = [node.name for node in simulator.config.nodes]

    def work(say: Any) -> str:
        reload_all(simulator.transport, names, after, flag, say)
        return "OK"

    return simulator.tasks.start(simulator.first.name, "reloadnetworkall", "", call.user, work)


def _has_pending(simulator: Simulator) -> bool:
    store = simulator.store
    return any(
        has_changes(pending_view(store.running_objects(section), store.objects(section))) for section in SECTIONS
    )


def commit_pending(simulator: Simulator) -> dict[str, Any]:
    """What a booting node asks: commit what is pending, and give it the committed configuration.

    This stands for the cluster's file system, which a real node reads and writes itself.
    """
    committed = _has_pending(simulator)
    if committed:
        simulator.store.commit(None, release_lock=False)
    return {"committed": committed, "running": simulator.store.running()}


def _needs_lock(simulator: Simulator, what: str) -> None:
    if not simulator.first.behaviour.has_lock:
        raise NotPlayed(f"Method '{what}' not implemented")


def lock(simulator: Simulator, call: Call) -> str:
    """Take the global lock."""
    _needs_lock(simulator, "POST /cluster/sdn/lock")
    allow = call.is_set("allow-pending")
    return simulator.store.lock(lambda: _has_pending(simulator), allow_pending=allow)


def unlock(simulator: Simulator, call: Call) -> None:
    """Give the global lock back."""
    _needs_lock(simulator, "DELETE /cluster/sdn/lock")
    simulator.store.unlock(call.token, force=call.is_set("force"))


def rollback(simulator: Simulator, call: Call) -> None:
    """Drop what is pending; what is committed stays."""
    _needs_lock(simulator, "POST /cluster/sdn/rollback")
    simulator.store.rollback(call.token, release_lock=call.is_set("release-lock", default=True))


def dry_run(simulator: Simulator, call: Call) -> dict[str, Any]:
    """How a node's frr.conf and interfaces would change if the pending configuration were applied."""
    if not simulator.first.behaviour.has_dry_run:
        raise NotPlayed("Method 'GET /cluster/sdn/dry-run' not implemented")
    name = call.need("node")
    if simulator.config.node(name) is None:
        raise ParameterProblem({"node": "invalid format - value does not look like a valid node name\n"})
    document = json.dumps(simulator.store.compiled(bump=False))
    code, out, err = simulator.transport.run(name, [NODE_COMMAND, "dry-run"], document)
    if code != 0:
        raise ApiProblem(f"dry run on {name} failed: {err.strip() or out.strip()}")
    answer: dict[str, Any] = json.loads(out)
    return answer


def no_fabrics(simulator: Simulator, _: Call) -> list[Any]:
    """There are no fabrics here: the product's underlay is its own."""
    if not simulator.first.behaviour.has_lock:
        raise NotPlayed("Method 'GET /cluster/sdn/fabrics' not implemented")
    return []


def no_lists(simulator: Simulator, _: Call) -> list[Any]:
    """Prefix-lists and route-maps as SDN objects came with 9.2; an operator has made none."""
    if tuple(int(part) for part in simulator.first.release.split(".")[:2]) < (9, 2):
        raise NotPlayed("Method not implemented: Proxmox VE 9.2 and later have prefix-lists and route-maps")
    return []

"""Creating, changing and deleting SDN objects, with the refusals that look at other objects.

The order of checks and the words are Proxmox's. What the simulator does not play (other kinds of zones
and controllers, fabrics, source NAT, local routing of exit nodes, DNS) is refused as not implemented
rather than accepted and ignored.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from trellis.lab.proxmox.problem import ApiProblem, NotPlayed, ParameterProblem
from trellis.lab.proxmox.schema import (
    CONTROLLER,
    SUBNET,
    VNET,
    ZONE,
    ObjectKind,
    check_key,
    read_fields,
    split_list,
)
from trellis.lab.proxmox.store import Objects, Store

MAC_PREFIX = "BC:24:11"
"""Proxmox's default prefix for MAC addresses (datacenter.cfg, mac_prefix)."""

_COMMON = ("lock-token", "digest", "delete")

Fields = Mapping[str, str]


def create(store: Store, kind: ObjectKind, fields: Fields) -> None:
    """Create an object.

    Args:
        store: The configuration.
        kind: What to create.
        fields: The request's parameters.

    Raises:
        ApiProblem: As Proxmox would refuse it.
    """
    key = check_key(kind, fields)
    values = read_fields(kind, fields, _COMMON)
    _check_played(kind, values, new=True)
    if kind is SUBNET:
        vnet_of(store, values.get("vnet", ""))
        zone = store.objects("vnets")[values["vnet"]]["zone"]
        key = f"{zone}-{key.replace('/', '-')}"
    values.setdefault("type", kind.name)
    for name in kind.required:
        if name not in values:
            raise ApiProblem(f"missing value for required option '{name}'\n")
    with store.change(f"create sdn {kind.name} object failed", fields.get("lock-token")) as draft:
        if key in draft[kind.section]:
            raise ApiProblem(f"sdn {kind.name} object ID '{key}' already defined\n")
        draft[kind.section][key] = values
        _check(kind, draft, key)


def update(store: Store, kind: ObjectKind, key: str, fields: Fields) -> None:
    """Change an object: set the given parameters, remove those that `delete` lists.

    Args:
        store: The configuration.
        kind: What to change.
        key: Its name.
        fields: The request's parameters.

    Raises:
        ApiProblem: As Proxmox would refuse it.
    """
    if "type" in fields and kind in (CONTROLLER, ZONE):
        raise ParameterProblem(
            {"type": "property is not defined in schema and the schema does not allow additional properties"}
        )
    values = read_fields(kind, fields, _COMMON)
    _check_played(kind, values, new=False)
    with store.change(f"update sdn {kind.name} object failed", fields.get("lock-token")) as draft:
        if fields.get("digest") not in (None, "", store.digest(kind.section)):
            raise ApiProblem("detected modified configuration - file changed by other user? Try again.\n")
        entry = _existing(kind, draft[kind.section], key)
        old_zone = entry.get("zone")
        for name in split_list(fields.get("delete", "")):
            if name in kind.required:
                raise ApiProblem(f"unable to delete required option '{name}'\n")
            if name not in kind.properties:
                raise ApiProblem(f"no such option '{name}'\n")
            entry.pop(name, None)
        entry.update(values)
        if kind is VNET and entry["zone"] != old_zone and _subnets_of(draft, key):
            raise ParameterProblem({"zone": "can't change zone if subnets exist"})
        _check(kind, draft, key)


def delete(store: Store, kind: ObjectKind, key: str, fields: Fields) -> None:
    """Delete an object that nothing uses.

    Args:
        store: The configuration.
        kind: What to delete.
        key: Its name.
        fields: The request's parameters.

    Raises:
        ApiProblem: As Proxmox would refuse it.
    """
    with store.change(f"delete sdn {kind.name} object failed", fields.get("lock-token")) as draft:
        if kind is SUBNET:  # Proxmox does not mind if there is none
            draft["subnets"].pop(key, None)
            return
        _existing(kind, draft[kind.section], key)
        if kind is CONTROLLER:
            for zone, entry in sorted(draft["zones"].items()):
                if entry.get("controller") == key:
                    raise ApiProblem(f"controller {key} is used by {zone}\n")
        elif kind is ZONE:
            for vnet, entry in sorted(draft["vnets"].items()):
                if entry.get("zone") == key:
                    raise ApiProblem(f"zone {key} is used by vnet {vnet}\n")
        elif _subnets_of(draft, key):
            raise ParameterProblem({"vnet": "Can't delete vnet if subnets exists"})
        del draft[kind.section][key]


def vnet_of(store: Store, vnet: str) -> dict[str, Any]:
    """The VNet that a request about subnets is for.

    Raises:
        ApiProblem: There is none of that name.
    """
    return _existing(VNET, store.objects("vnets"), vnet)


def _existing(kind: ObjectKind, objects: Objects, key: str) -> dict[str, Any]:
    if key not in objects:
        raise ApiProblem(f"{kind.missing.format(id=key)}\n")
    return objects[key]


def _subnets_of(draft: dict[str, Objects], vnet: str) -> list[str]:
    return [key for key, entry in draft["subnets"].items() if entry.get("vnet") == vnet]


def _check_played(kind: ObjectKind, values: Mapping[str, Any], *, new: bool) -> None:
    if kind in (CONTROLLER, ZONE) and new:
        if "type" not in values:
            raise ParameterProblem({"type": "property is missing and it is not optional"})
        if values["type"] != "evpn":
            raise NotPlayed(f"the simulator has no {kind.name} of type '{values['type']}', only evpn")
    for name in ("fabric", "snat", "exitnodes-local-routing", "vlanaware", "dns", "reversedns", "dnszone"):
        if values.get(name):
            raise NotPlayed(f"the simulator does not play '{name}'")


def _check(kind: ObjectKind, draft: dict[str, Objects], key: str) -> None:
    if kind is CONTROLLER:
        _check_controller(draft["controllers"], key)
    elif kind is ZONE:
        _check_zone(draft, key)
    elif kind is VNET:
        _check_vnet(draft, key)
    else:
        _check_subnet(draft, key)


def _check_controller(controllers: Objects, key: str) -> None:
    if any(other != key for other in controllers):
        raise ApiProblem("only 1 global evpn controller can be defined\n")
    if not controllers[key].get("peers"):
        raise ApiProblem("must have exactly one of peers / fabric defined\n")


def _check_zone(draft: dict[str, Objects], key: str) -> None:
    zone = draft["zones"][key]
    if zone.get("ipam") not in (None, "", "pve"):
        raise ParameterProblem({"ipam": f"{zone['ipam']} not existing"})
    if zone["controller"] not in draft["controllers"]:
        raise ApiProblem(f"controller {zone['controller']} don't exist\n")
    for other, entry in sorted(draft["zones"].items()):
        if other != key and entry["vrf-vxlan"] == zone["vrf-vxlan"]:
            raise ApiProblem(f"vrf-vxlan {zone['vrf-vxlan']} is already declared in {other}\n")
    if "mac" not in zone:
        zone["mac"] = ":".join([MAC_PREFIX, *(f"{octet:02X}" for octet in secrets.token_bytes(3))])


def _check_vnet(draft: dict[str, Objects], key: str) -> None:
    vnet = draft["vnets"][key]
    if vnet["zone"] not in draft["zones"]:
        raise ApiProblem("cannot lookup undefined type!\n")
    if "tag" not in vnet:
        raise ParameterProblem({"tag": "missing vxlan tag"})
    for other, entry in sorted(draft["vnets"].items()):
        if other != key and entry.get("tag") == vnet["tag"]:
            words = f"vxlan tag {vnet['tag']} already exist in vnet {other} in zone {entry['zone']} "
            raise ParameterProblem({"tag": words})


def _check_subnet(draft: dict[str, Objects], key: str) -> None:
    subnet = draft["subnets"][key]
    _, network, mask = key.split("-")
    if subnet["vnet"] not in draft["vnets"]:
        raise ParameterProblem({"vnet": f"{subnet['vnet']} don't exist"})
    gateway = subnet.get("gateway")
    inside = gateway is None or ip_address(gateway) in ip_network(f"{network}/{mask}", strict=False)
    point_to_point = mask == "32" and ":" not in network
    if not inside and not point_to_point:
        raise ParameterProblem({"gateway": f"{gateway} is not in subnet {network}/{mask}"})

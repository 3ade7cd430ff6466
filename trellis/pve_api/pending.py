"""Which pending changes of a cluster's SDN lead to what the site says, and which are somebody else's.

Who made a change Proxmox does not remember; so a change is ours if what it leads to is what the site says. A deletion
inside one of the site's zones, of something that the site does not have, leads there too. Values in, values out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from trellis.pve import SdnState

Entry = Mapping[str, Any]

_DESCRIPTIVE = frozenset({"type", "digest", "state", "pending", "id", "cidr", "mask", "network", "dhcp-range"})
"""Keys that say nothing of what was changed."""

_MADE_BY_PROXMOX: Mapping[str, str | None] = {"mac": None, "ipam": "pve"}
"""What Proxmox fills in by itself: any value, or the one that it takes."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What ``?pending=1`` answers, by kind.

    Attributes:
        subnets: Those of all VNets.
        others: What a site never has: fabrics, prefix-lists, route-maps; each with a name for people.
    """

    controllers: tuple[Entry, ...] = ()
    zones: tuple[Entry, ...] = ()
    vnets: tuple[Entry, ...] = ()
    subnets: tuple[Entry, ...] = ()
    others: tuple[tuple[str, Entry], ...] = ()


def foreign(found: Pending, wanted: SdnState) -> list[str]:
    """The pending changes that do not lead to what the site says.

    Args:
        found: What is pending.
        wanted: What Proxmox shall hold.

    Returns:
        A line for each, for people.
    """
    zones = {zone.id for zone in wanted.zones}
    vnets = {vnet.id for vnet in wanted.vnets}
    kinds: tuple[tuple[str, str, Iterable[Entry], Mapping[str, Entry]], ...] = (
        ("EVPN controller", "controller", found.controllers, _controllers(wanted)),
        ("zone", "zone", found.zones, _zones(wanted)),
        ("VNet", "vnet", found.vnets, _vnets(wanted)),
        ("subnet", "subnet", found.subnets, _subnets(wanted)),
    )
    told: list[str] = []
    for kind, key, entries, meant in kinds:
        for entry in entries:
            inside = (kind == "VNet" and entry.get("zone") in zones) or (
                kind == "subnet" and (entry.get("vnet") in vnets or entry.get("zone") in zones)
            )
            told += _judged(f"{kind} {entry.get(key, '?')}", entry, meant.get(_name(kind, entry, key)), inside=inside)
    told += [f"{name} ({entry['state']}): the site has none" for name, entry in found.others if entry.get("state")]
    return told


def _judged(name: str, entry: Entry, meant: Entry | None, *, inside: bool) -> Iterator[str]:
    state = entry.get("state")
    if not state:
        return
    if state == "deleted":
        if meant is not None:
            yield f"{name} is to be deleted, and the site has it"
        elif not inside:
            yield f"{name} is to be deleted, and the site never had it or had it removed by a run that was cut off"
    elif meant is None:
        yield f"{name} ({state}): the site has none of that name"
    else:
        pending = entry.get("pending") or {}
        for key, value in sorted(pending.items()):
            if key not in _DESCRIPTIVE and not _agrees(key, value, meant):
                yield f"{name}: {key} is to become {_word(value)}; the site says {_word(meant.get(key))}"


def _agrees(key: str, value: Any, meant: Entry) -> bool:
    """Whether a pending value is the site's, or none where the site says nothing."""
    wanted = meant.get(key)
    if wanted is None:
        made = key in _MADE_BY_PROXMOX and _MADE_BY_PROXMOX[key] in (None, value)
        return made or value in (None, "", "deleted", 0, "0", False)
    if isinstance(wanted, frozenset):
        return frozenset(str(value).replace(",", " ").split()) == wanted
    return str(value) == str(wanted)


def _controllers(wanted: SdnState) -> dict[str, Entry]:
    made = wanted.controller
    return {made.id: {"asn": made.asn, "peers": frozenset(made.peers)}} if made else {}


def _zones(wanted: SdnState) -> dict[str, Entry]:
    return {
        zone.id: {
            "controller": zone.controller,
            "vrf-vxlan": zone.vrf_vxlan,
            **({"mtu": zone.mtu} if zone.mtu is not None else {}),
            **({"nodes": frozenset(zone.nodes)} if zone.nodes else {}),
        }
        for zone in wanted.zones
    }


def _vnets(wanted: SdnState) -> dict[str, Entry]:
    return {
        vnet.id: {"zone": vnet.zone, "tag": vnet.tag, **({"alias": vnet.alias} if vnet.alias else {})}
        for vnet in wanted.vnets
    }


def _subnets(wanted: SdnState) -> dict[str, Entry]:
    return {
        f"{vnet.zone}-{subnet.cidr.replace('/', '-')}": {
            "vnet": vnet.id,
            **({"gateway": subnet.gateway} if subnet.gateway else {}),
        }
        for vnet in wanted.vnets
        for subnet in vnet.subnets
    }


def _name(kind: str, entry: Entry, key: str) -> str:
    """The name under which the site would have an object; a subnet's network in its usual form."""
    name = str(entry.get(key, ""))
    parts = name.split("-")
    if kind != "subnet" or len(parts) != 3:
        return name
    try:
        return f"{parts[0]}-{ip_network(f'{parts[1]}/{parts[2]}')}".replace("/", "-")
    except ValueError:
        return name


def _word(value: Any) -> str:
    if value in (None, ""):
        return "nothing"
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else repr(value) if value != "deleted" else "unset"

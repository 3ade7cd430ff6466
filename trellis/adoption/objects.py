"""Proxmox's SDN objects held against those that the site asks Proxmox for, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from trellis.adoption.given import GivenCluster, Section
from trellis.adoption.reasons import SDN_KEYS, Why, without_object
from trellis.pve import SdnState

_PROXMOX_OWN = {"digest", "type", "state", "pending", "zone", "mac", "cidr", "mask", "network", "id"}
"""Keys that Proxmox fills in, or that repeat the object's name."""
_DEFAULTS = {"ipam": ("pve",), "vlanaware": ("0",), "isolate-ports": ("0",), "exitnodes": ("",), "snat": ("0",)}
"""Values that say what Proxmox does anyway."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A line of an object: what became of it.

    Attributes:
        by_proxmox: Whether it is Proxmox's own rather than the site's.
        why: Why the site does not have it; None if it does.
    """

    place: str
    number: int
    line: str
    by_proxmox: bool = False
    why: Why | None = None


def of_proxmox(cluster: GivenCluster, state: SdnState | None) -> Iterator[Judged]:
    """Yield what became of each line of Proxmox's objects.

    Args:
        cluster: What was read.
        state: What the site asks Proxmox for.
    """
    wanted = _wanted(state or SdnState())
    for kind in sorted(cluster.sdn):
        for section in cluster.objects(kind):
            if (kind, section.type, section.id) == ("ipams", "pve", "pve"):
                yield Judged(section.place, section.numbers.get("", 0), "pve: pve", by_proxmox=True)
            else:
                yield from _section(kind, section, wanted.get((kind, _id(kind, section))))


def _section(kind: str, section: Section, wanted: Mapping[str, Any] | None) -> Iterator[Judged]:
    name = f"{section.type}: {section.id}"
    missing = without_object(kind, section) if wanted is None else None
    yield Judged(section.place, section.numbers.get("", 0), name, why=missing)
    for key, value in section.values.items():
        line, number = f"{name} > {key} {value}".rstrip(), section.numbers.get(key, 0)
        if wanted is None:
            yield Judged(section.place, number, line, why=missing)
        elif key in wanted and _same(wanted[key], value):
            yield Judged(section.place, number, line)
        elif key not in wanted and (key in _PROXMOX_OWN or value in _DEFAULTS.get(key, ())):
            yield Judged(section.place, number, line, by_proxmox=True)
        else:
            yield Judged(section.place, number, line, why=SDN_KEYS.get(key, SDN_KEYS[""]))


def _same(wanted: Any, value: str) -> bool:
    if isinstance(wanted, frozenset):
        return frozenset(value.replace(",", " ").split()) == wanted
    return str(wanted) == value


def _id(kind: str, section: Section) -> str:
    """Return an object's id; a subnet's with its prefix as Python writes it."""
    if kind != "subnets":
        return section.id
    _, _, rest = section.id.partition("-")
    address, _, length = rest.rpartition("-")
    try:
        return f"{section.of('vnet')} {ip_network(section.of('cidr') or f'{address}/{length}')}"
    except ValueError:
        return section.id


def _wanted(state: SdnState) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    if state.controller is not None:
        made = state.controller
        found["controllers", made.id] = {"asn": made.asn, "peers": frozenset(made.peers)}
    for zone in state.zones:
        found["zones", zone.id] = {"controller": zone.controller, "vrf-vxlan": zone.vrf_vxlan} | {
            key: value for key, value in (("mtu", zone.mtu), ("nodes", frozenset(zone.nodes))) if value
        }
    for vnet in state.vnets:
        found["vnets", vnet.id] = {"zone": vnet.zone, "tag": vnet.tag} | ({"alias": vnet.alias} if vnet.alias else {})
        for subnet in vnet.subnets:
            found["subnets", f"{vnet.id} {subnet.cidr}"] = {"vnet": vnet.id, "gateway": subnet.gateway}
    return found

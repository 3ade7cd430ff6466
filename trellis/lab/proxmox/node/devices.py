"""From stanzas and what the kernel has to the commands in between, as ifupdown2 would choose them.

Pure: the kernel's state is a value (`ip -json -details address show`), and the result is lines for
`ip -batch`, kernel settings and commands. What is already right gives no line, so that an apply which
changes nothing touches no device. Running all this is `pve_node.kernel`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .interfaces import Stanza

FIRST_TABLE = 1001
"""ifupdown2's first routing table for `vrf-table auto`."""

_VXLAN_PORT = "4789"


@dataclass(frozen=True)
class Live:
    """A network device that exists.

    Args:
        kind: `vrf`, `vxlan`, `bridge` or what else; empty for hardware.
        mtu: Bytes.
        mac: In lower case.
        master: The device that it is enslaved to.
        up: Whether it is set up.
        data: The kernel's details of its kind.
        port: The kernel's details of it as a bridge's port.
        alias: Its description.
        addresses: Global ones, in CIDR notation.
    """

    kind: str
    mtu: int
    mac: str
    master: str | None
    up: bool
    data: Mapping[str, Any]
    port: Mapping[str, Any]
    alias: str | None
    addresses: frozenset[str]


@dataclass
class Plan:
    """What to do, in this order; every field may be empty.

    Args:
        remove: Lines for `ip -batch` that delete devices.
        create: Lines that make devices, down and bare.
        created: The devices that `create` makes: their settings of sysctl.d are due.
        settings: Paths below /proc/sys and values, to be written where they differ.
        configure: Lines that give devices their attributes and set them up.
        tables: Routing tables of the VRFs, by device.
        commands: Commands of `post-up` lines; they fail where they were run before.
    """

    remove: list[str] = field(default_factory=list)
    create: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    settings: list[tuple[str, str]] = field(default_factory=list)
    configure: list[str] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)


def read_kernel(document: str) -> dict[str, Live]:
    """Read the output of `ip -json -details address show`, by device."""
    out = {}
    for entry in json.loads(document or "[]"):
        if "ifname" not in entry:
            continue
        info = entry.get("linkinfo", {})
        out[entry["ifname"]] = Live(
            kind=info.get("info_kind", ""),
            mtu=entry.get("mtu", 0),
            mac=entry.get("address", "").lower(),
            master=entry.get("master"),
            up="UP" in entry.get("flags", ()),
            data=info.get("info_data", {}),
            port=info.get("info_slave_data", {}) if info.get("info_slave_kind") == "bridge" else {},
            alias=entry.get("ifalias"),
            addresses=frozenset(
                f"{addr['local']}/{addr['prefixlen']}"
                for addr in entry.get("addr_info", ())
                if addr.get("scope") == "global"
            ),
        )
    return out


def plan(
    wanted: Iterable[Stanza],
    previous: Iterable[Stanza],
    live: Mapping[str, Live],
    table_map: Mapping[str, int],
) -> Plan:
    """What turns the kernel's devices into the wanted ones.

    Args:
        wanted: The stanzas of the new file.
        previous: Those of the file before it: what is no longer wanted is deleted.
        live: The devices that exist.
        table_map: Routing tables that VRFs had before, by device.
    """
    ordered = sorted(wanted, key=_rank)
    names = {stanza.name for stanza in ordered}
    bridge_of = {port: stanza.name for stanza in ordered for port in _ports(stanza)}
    out = Plan()
    gone = [stanza.name for stanza in sorted(previous, key=_rank, reverse=True)]
    out.remove = [f"link delete {name}" for name in gone if name in live and name not in names]
    for stanza in ordered:
        current = live.get(stanza.name)
        if current is not None and not _fits(stanza, current):
            out.remove.append(f"link delete {stanza.name}")
            current = None
        if stanza.first("vrf-table"):
            _plan_vrf(out, stanza, current, live, table_map)
        elif stanza.first("vxlan-id"):
            _plan_vxlan(out, stanza, current, bridge_of.get(stanza.name))
        else:
            _plan_bridge(out, stanza, current)
    return out


def _rank(stanza: Stanza) -> tuple[int, str]:
    """VRFs, then ports, then bridges: a bridge is up, with its addresses, after its port is complete."""
    if stanza.first("vrf-table"):
        return (0, stanza.name)
    return (1 if stanza.first("vxlan-id") else 2, stanza.name)


def _ports(stanza: Stanza) -> list[str]:
    value = stanza.first("bridge_ports") or stanza.first("bridge-ports") or ""
    return value.split()


def _fits(stanza: Stanza, current: Live) -> bool:
    """Whether the device can become the wanted one without being made anew."""
    if stanza.first("vrf-table"):
        return current.kind == "vrf"
    if vni := stanza.first("vxlan-id"):
        local = current.data.get("local") or current.data.get("local6")
        port = str(current.data.get("port", _VXLAN_PORT))
        return (
            current.kind == "vxlan"
            and str(current.data.get("id")) == vni
            and local == stanza.first("vxlan-local-tunnelip")
            and port == (stanza.first("vxlan-port") or _VXLAN_PORT)
        )
    return current.kind == "bridge"


def _make(out: Plan, name: str, what: str) -> None:
    out.create.append(f"link add {name} type {what}")
    out.created.append(name)


def _set_up(out: Plan, name: str, current: Live | None) -> None:
    if current is None or not current.up:
        out.configure.append(f"link set {name} up")


def _set_mtu(out: Plan, stanza: Stanza, current: Live | None) -> None:
    mtu = stanza.first("mtu")
    if mtu and (current is None or current.mtu != int(mtu)):
        out.configure.append(f"link set {stanza.name} mtu {mtu}")


def _plan_vrf(
    out: Plan, stanza: Stanza, current: Live | None, live: Mapping[str, Live], table_map: Mapping[str, int]
) -> None:
    if current is not None:
        out.tables[stanza.name] = int(current.data.get("table", 0))
    else:
        taken = {int(device.data.get("table", 0)) for device in live.values() if device.kind == "vrf"}
        taken |= {*out.tables.values(), *(value for key, value in table_map.items() if key != stanza.name)}
        mapped = table_map.get(stanza.name)
        free = next(number for number in range(FIRST_TABLE, 2**31) if number not in taken)
        out.tables[stanza.name] = mapped if mapped is not None and mapped not in taken else free
        _make(out, stanza.name, f"vrf table {out.tables[stanza.name]}")
    _set_up(out, stanza.name, current)
    out.commands += stanza.all("post-up")


def _plan_vxlan(out: Plan, stanza: Stanza, current: Live | None, bridge: str | None) -> None:
    name = stanza.name
    if current is None:
        local = stanza.first("vxlan-local-tunnelip")
        what = f"vxlan id {stanza.first('vxlan-id')} dstport {stanza.first('vxlan-port') or _VXLAN_PORT}"
        _make(out, name, f"{what} local {local} nolearning" if local else f"{what} nolearning")
    out.settings.append((f"net/ipv6/conf/{name}/disable_ipv6", "1"))
    _set_mtu(out, stanza, current)
    if bridge and (current is None or current.master != bridge):
        out.configure.append(f"link set {name} master {bridge}")
        current = None
    learning = stanza.first("bridge-learning") != "off"
    suppress = stanza.first("bridge-arp-nd-suppress") == "on"
    port = current.port if current is not None else {}
    if bridge and (port.get("learning") is not learning or port.get("neigh_suppress") is not suppress):
        words = f"learning {_on_off(learning)} neigh_suppress {_on_off(suppress)}"
        out.configure.append(f"link set {name} type bridge_slave {words}")
    _set_up(out, name, current)


def _on_off(value: bool) -> str:
    return "on" if value else "off"


def _plan_bridge(out: Plan, stanza: Stanza, current: Live | None) -> None:
    name = stanza.name
    if current is None:
        _make(out, name, "bridge stp_state 0 forward_delay 0")
        if mtu := stanza.first("mtu"):
            # While it has no port: a bridge whose MTU was set by hand does not follow a port's smaller one.
            out.create.append(f"link set {name} mtu {mtu}")
    out.settings += [(f"net/{family}/conf/{name}/forwarding", "1") for family in ("ipv4", "ipv6")]
    accept = "1" if stanza.first("arp-accept") == "on" else "0"
    out.settings.append((f"net/ipv4/conf/{name}/arp_accept", accept))
    mac = stanza.first("hwaddress")
    if mac and (current is None or current.mac != mac.lower()):
        out.configure.append(f"link set {name} address {mac.lower()}")
    if current is not None:
        _set_mtu(out, stanza, current)
    alias = stanza.first("alias")
    if alias and (current is None or current.alias != alias):
        out.configure.append(f'link set {name} alias "{alias}"')
    vrf = stanza.first("vrf")
    if vrf and (current is None or current.master != vrf):
        out.configure.append(f"link set {name} master {vrf}")
    present = current.addresses if current is not None else frozenset()
    wanted = stanza.all("address")
    out.configure += [f"address delete {addr} dev {name}" for addr in sorted(present - set(wanted))]
    out.configure += [f"address add {addr} dev {name}" for addr in wanted if addr not in present]
    _set_up(out, name, current)

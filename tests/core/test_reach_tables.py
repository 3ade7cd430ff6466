"""The tables that packets are followed through are those of a running fabric.

``tests/core/reach/lab`` holds what `ip route show` printed in the lab (FRR 10.3, user-mode Linux, 2026-11-29) on each
host and the edge, without link-local, multicast and unreachable routes, and without what its prefix file and SLAAC
brought; recorded with `trellis lab shell HOST -- ip -4 route show vrf VRF`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from trellis.plan import Plan, plan
from trellis.reach.fabric import Fabric, Version
from trellis.reach.tables import Table
from trellis.reach.walk import Walk
from trellis.site import site_of_stack

LAB = Path(__file__).parent / "reach" / "lab"
RECORDED = sorted(path.stem for path in LAB.glob("*.txt"))


@cache
def walk() -> Walk:
    return Walk(Fabric(recorded_plan()))


@cache
def recorded_plan() -> Plan:
    return plan(site_of_stack((LAB / "Pulumi.recorded.yaml").read_text(encoding="utf-8")))


def lines(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each recorded prefix with its next hops as text."""
    entries: list[tuple[str, list[str]]] = []
    for line in (LAB / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("\t"):
            entries[-1][1].append(line)
        else:
            entries.append((line.split()[0], [line]))
    default = "0.0.0.0/0" if name.endswith("4") else "::/0"
    for prefix, hops in entries:
        yield str(ip_network(default if prefix == "default" else prefix)), [hop for hop in hops if " dev " in hop]


def neighbour_of(name: str) -> dict[str, str]:
    """Return router by next hop address: who is at the end of a route to a loopback in the same node's main table."""
    node, _, version = name.split(".")
    found = {}
    for prefix, hops in lines(f"{node}.main.{version}"):
        owner = walk().fabric.routers_by_address.get(ip_address(prefix.split("/")[0]))
        via = re.search(r" via (\S+) ", hops[0]) if hops else None
        if via is not None and owner is not None and owner[1] == "loopback":
            found[via.group(1)] = owner[0]
    return found


def meant(hop: str, neighbours: dict[str, str]) -> str:
    """Return a recorded next hop in the terms of the model."""
    fabric = walk().fabric
    device = re.search(r" dev (\S+)", hop)
    via = re.search(r" via (?:inet6 )?(\S+) ", hop)
    assert device is not None
    if device.group(1).startswith("vrfbr_") and via is not None:
        address = ip_address(via.group(1).removeprefix("::ffff:"))
        return f"vtep {fabric.routers_by_address[address][0]}"
    if device.group(1).startswith("vrf_"):
        return f"vrf {device.group(1).removeprefix('vrf_')}"
    if device.group(1) in fabric.vnets:
        return f"guest {guest_at(via.group(1))}" if via is not None else f"connected {device.group(1)}"
    assert via is not None, hop
    return f"router {neighbours[via.group(1)]}" if via.group(1) in neighbours else "upstream edge1"


def guest_at(address: str) -> str:
    """Return the guest with an address, or with the link-local one that follows from its MAC (RFC 4291, appendix A)."""
    fabric = walk().fabric
    planned = fabric.guests_by_address.get(ip_address(address))
    if planned is not None:
        return planned.guest.name
    return next(name for name, planned in fabric.guests.items() if link_local(planned.guest.mac) == ip_address(address))


def link_local(mac: str) -> object:
    octets = [int(octet, 16) for octet in mac.split(":")]
    octets[0] ^= 2
    return ip_address(bytes([0xFE, 0x80, *[0] * 6, *octets[:3], 0xFF, 0xFE, *octets[3:]]))


def table_of(name: str) -> tuple[Table, Version]:
    node, table, digit = name.split(".")
    version: Version = 4 if digit == "4" else 6
    if table == "main":
        return walk().tables.main(node, version), version
    return walk().tables.vrf(node, table.removeprefix("vrf_"), version), version


def of_the_underlay(prefix: str, name: str) -> bool:
    """Whether a route is OSPF's or a link's own: those are looked up by their owner."""
    fabric = walk().fabric
    return fabric.is_infrastructure(ip_network(prefix).network_address) or ip_network(prefix).subnet_of(
        ip_network("198.51.100.0/24" if name.endswith("4") else "2001:db8:fffe::/48")
    )


@pytest.mark.parametrize("name", RECORDED)
def test_each_table_holds_what_a_running_fabric_held(name: str) -> None:
    table, _ = table_of(name)
    planned = recorded_plan()
    pools = {str(pool) for guest in planned.guests for pool in guest.guest.services}
    modelled = {
        route.prefix: {on_the_wire(name, f"{via.how} {via.to}") for via in route.via}
        for route in table.routes()
        if route.prefix not in pools
    }
    neighbours = neighbour_of(name)
    recorded = {
        prefix: {on_the_wire(name, meant(hop, neighbours)) for hop in hops}
        for prefix, hops in lines(name)
        if not of_the_underlay(prefix, name)
    }
    # A host tells of a guest's own address (type-2) once it has heard of the guest: one on pve02 was not yet known.
    heard = {route.prefix for route in table.routes() if route.learned == "type-2" and route.prefix not in recorded}
    assert heard <= {"10.101.0.22/32", "fd00:101::22/128"}
    assert {prefix: hops for prefix, hops in modelled.items() if prefix not in heard} == recorded


def on_the_wire(name: str, hop: str) -> str:
    """Return a next hop as a main table of a host shows it: guests of a VRF are there by their interface."""
    guest = walk().fabric.guests.get(hop.removeprefix("guest "))
    return f"vrf {guest.guest.zone}" if guest is not None and ".main." in name else hop


def test_every_host_and_the_edge_were_recorded() -> None:
    recorded = {name.split(".")[0] for name in RECORDED}
    assert recorded == {*walk().fabric.hosts, *walk().fabric.edges}

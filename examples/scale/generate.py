"""Write examples/scale-32x16: 32 hosts x 16 tenants, two edges, two route reflectors, 8 guests per tenant.

Nothing is random and no clock is read: the same script writes the same bytes, and a test says that the committed
file is what it writes.  Run it from anywhere: ``python examples/scale/generate.py``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

HOSTS = 32
TENANTS = 16
GUESTS_PER_TENANT = 8
PLACEMENT = 4
"""Hosts that a guest may run on: a rack's worth, not the whole cluster."""
REFLECTORS = ("pve16", "pve32")
TARGET = Path(__file__).parents[1] / "scale-32x16" / "Pulumi.scale-32x16.yaml"


def host_name(number: int) -> str:
    """Return the name of host ``number`` (from 1)."""
    return f"pve{number:02}"


def host_key(name: str) -> str:
    """Return a placeholder host key of the right form; nobody has its private half."""
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + hashlib.sha256(name.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def lines() -> Iterator[str]:
    """Yield the lines of the stack file."""
    yield "# yaml-language-server: $schema=../../site.schema.json"
    yield f"# {HOSTS} hosts x {TENANTS} tenants, a zone each; {GUESTS_PER_TENANT} guests a tenant on {PLACEMENT} hosts."
    yield "# Written by examples/scale/generate.py; change that and run it again.  Host keys are placeholders."
    yield "config:"
    yield "  trellis:site:"
    yield "    name: scale-32x16"
    yield "    fabric:"
    yield "      asn: 4200001000"
    yield '      loopbacks: {ipv4: 10.255.0.0/24, ipv6: "fd00:0:0:ffff::/64"}'
    yield '      infrastructure: [10.10.0.0/24, "fd00:10::/64"]'
    yield f"      route_reflectors: [{', '.join(REFLECTORS)}]"
    yield "    proxmox:"
    yield "      endpoint: https://10.10.0.200:8006"
    yield "    hosts:"
    for number in range(1, HOSTS + 1):
        name = host_name(number)
        ssh = f"ssh: {{address: 10.10.0.{number}, host_key: {host_key(name)}}}"
        yield f'      {name}: {{id: {number}, pve_version: "9.1", frr_version: "10.3", {ssh}}}'
    yield "    links:"
    yield "      management:"
    yield "        kind: segment"
    yield "        mtu: 9000"
    yield "        ends:"
    for number in range(1, HOSTS + 1):
        addresses = f'ipv4: 10.10.0.{number}/24, ipv6: "fd00:10::{number}/64"'
        yield f"          {host_name(number)}: {{interface: vmbr0.10, {addresses}}}"
    for number in (1, 2):
        addresses = f'ipv4: 10.10.0.{250 + number}/24, ipv6: "fd00:10::fff{number}/64"'
        yield f"          edge{number}: {{interface: vlan10, {addresses}}}"
    yield "    edges:"
    for number in (1, 2):
        loopback = f'loopback: {{ipv4: 10.255.0.{250 + number}, ipv6: "fd00:0:0:ffff::fff{number}"}}'
        yield f"      edge{number}: {{asn: {4200000000 + number}, {loopback}}}"
    yield from tenancy()


def tenancy() -> Iterator[str]:
    """Yield the zones, tenants, VNets and guests: one zone and one VNet per tenant, ids from 101."""
    tenants = range(101, 101 + TENANTS)
    yield "    zones:"
    for tenant in tenants:
        yield f"      z{tenant}: {{id: {tenant - 100}, mtu: 8950}}"
    yield "    tenants:"
    for tenant in tenants:
        loopbacks = f'loopbacks: {{ipv4: 10.{tenant}.254.0/24, ipv6: "fd00:{tenant}:fe::/64"}}'
        bgp = "guest_bgp: {enabled: true, export_peer_loopbacks: true}"
        yield f"      tenant{tenant}: {{id: {tenant}, {loopbacks}, {bgp}}}"
    yield "    vnets:"
    for tenant in tenants:
        yield f"      vnet{tenant}:"
        yield f"        zone: z{tenant}"
        yield f"        tenant: tenant{tenant}"
        yield "        subnets:"
        yield f"          ipv4: {{prefix: 10.{tenant}.0.0/24, gateway: 10.{tenant}.0.254}}"
        yield f'          ipv6: {{prefix: "fd00:{tenant}::/64", gateway: "fd00:{tenant}::fffe"}}'
    yield "    guests:"
    for tenant in tenants:
        for suffix in range(1, GUESTS_PER_TENANT + 1):
            first = ((tenant - 101) * GUESTS_PER_TENANT + suffix - 1) * PLACEMENT % HOSTS
            placement = [host_name(first + offset + 1) for offset in range(PLACEMENT)]
            where = f"host: {placement[0]}, placement: [{', '.join(placement)}]"
            mac = f'mac: "BC:24:11:00:{tenant - 100:02X}:{suffix:02X}"'
            yield f"      g{tenant}-{suffix}: {{vnet: vnet{tenant}, suffix: {suffix}, {where}, {mac}}}"


def text() -> str:
    """Return the whole stack file."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")

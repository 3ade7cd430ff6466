"""Sites of any size for the measurements: a zone per tenant, two edges, a guest of every tenant at home on every host.

Nothing is random: the same size is the same site.  The committed example of 32 hosts x 16 tenants is another one
(``examples/scale``), which people read.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

PLACEMENT = 4
"""Hosts that a guest may run on: its rack's, not the whole cluster's."""
MOST_HOSTS = 500
MOST_TENANTS = 100

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How many hosts (1-500) and tenants (1-100) a site has; each tenant has as many guests as there are hosts."""

    hosts: int
    tenants: int

    def __str__(self) -> str:
        return f"{self.hosts}x{self.tenants}"

    @property
    def guests(self) -> int:
        """Guests of all tenants together."""
        return self.hosts * self.tenants

    @classmethod
    def parse(cls, text: str) -> Size:
        """Return the size that is written as ``HOSTSxTENANTS``; ValueError says what is wrong with it."""
        hosts, separator, tenants = text.partition("x")
        if not (separator and hosts.isdecimal() and tenants.isdecimal()):
            raise ValueError(f"'{text}' is no size; write hosts x tenants, for example 32x16")
        size = cls(int(hosts), int(tenants))
        if not (1 <= size.hosts <= MOST_HOSTS and 1 <= size.tenants <= MOST_TENANTS):
            raise ValueError(f"'{text}' is no size: 1-{MOST_HOSTS} hosts and 1-{MOST_TENANTS} tenants")
        return size


def site_data(size: Size) -> Data:
    """Return the raw object of a site of that size, as it stands under ``trellis:site``.

    Args:
        size: How many hosts and tenants.
    """
    hosts = range(1, size.hosts + 1)
    tenants = range(101, 101 + size.tenants)
    return {
        "name": f"bench-{size}",
        "fabric": {
            "asn": 4200001000,
            "loopbacks": {"ipv4": "10.255.0.0/22", "ipv6": "fd00:0:0:ffff::/64"},
            "infrastructure": ["10.10.0.0/22", "fd00:10::/64"],
            "route_reflectors": [_host_name(number) for number in sorted({1, size.hosts})],
        },
        "proxmox": {"endpoint": "https://10.10.3.200:8006"},
        "hosts": {_host_name(number): _host(number) for number in hosts},
        "links": {"management": {"kind": "segment", "mtu": 9000, "ends": {_host_name(n): _end(n) for n in hosts}}},
        "edges": {f"edge{n}": _edge(n) for n in (1, 2)},
        "zones": {f"z{tenant}": {"id": tenant - 100, "mtu": 8950} for tenant in tenants},
        "tenants": {f"tenant{tenant}": _tenant(tenant) for tenant in tenants},
        "vnets": {f"vnet{tenant}": _vnet(tenant) for tenant in tenants},
        "guests": {f"g{tenant}-{n}": _guest(tenant, n, size.hosts) for tenant in tenants for n in hosts},
    }


def _host_name(number: int) -> str:
    return f"pve{number:03}"


def _host(number: int) -> Data:
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + hashlib.sha256(_host_name(number).encode()).digest()
    key = f"ssh-ed25519 {base64.b64encode(blob).decode()}"
    ssh = {"address": _ipv4("10.10", number), "host_key": key}
    return {"id": number, "pve_version": "9.1", "frr_version": "10.3", "ssh": ssh}


def _end(number: int) -> Data:
    return {"interface": "vmbr0.10", "ipv4": f"{_ipv4('10.10', number)}/22", "ipv6": f"fd00:10::{number}/64"}


def _edge(number: int) -> Data:
    loopback = {"ipv4": f"10.255.3.{250 + number}", "ipv6": f"fd00:0:0:ffff::fff{number}"}
    return {"asn": 4200000000 + number, "loopback": loopback}


def _tenant(number: int) -> Data:
    loopbacks = {"ipv4": f"10.{number}.252.0/22", "ipv6": f"fd00:{number}:fe::/64"}
    return {"id": number, "loopbacks": loopbacks, "guest_bgp": {"enabled": True, "export_peer_loopbacks": True}}


def _vnet(tenant: int) -> Data:
    return {
        "zone": f"z{tenant}",
        "tenant": f"tenant{tenant}",
        "subnets": {
            "ipv4": {"prefix": f"10.{tenant}.0.0/22", "gateway": f"10.{tenant}.3.254"},
            "ipv6": {"prefix": f"fd00:{tenant}::/64", "gateway": f"fd00:{tenant}::fffe"},
        },
    }


def _guest(tenant: int, number: int, hosts: int) -> Data:
    first = (number - 1) // PLACEMENT * PLACEMENT + 1
    rack = range(first, min(first + PLACEMENT, hosts + 1))
    return {
        "vnet": f"vnet{tenant}",
        "suffix": number,
        "host": _host_name(number),
        "placement": [_host_name(one) for one in rack],
        "mac": f"BC:24:11:{tenant:02X}:{number // 256:02X}:{number % 256:02X}",
    }


def _ipv4(start: str, number: int) -> str:
    return f"{start}.{number // 256}.{number % 256}"

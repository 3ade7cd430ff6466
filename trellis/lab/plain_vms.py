"""Plain VMs of a lab, of which the site knows nothing: no speaker, no configuration, an address by SLAAC or none.

A namespace on a host's bridge, as ``trellis.lab.guests`` makes them; what is advertised there its kernel takes, which
is what most VMs have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Interface
from typing import Any

from trellis.lab.twin import Twin

CARD = "eth0"


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv6 address that a VM has.

    Args:
        text: It.
        preferred_s: Seconds for which new connections begin there; 0 for one that is deprecated.
        valid_s: Seconds for which it is there.
    """

    text: str
    preferred_s: int
    valid_s: int

    @property
    def deprecated(self) -> bool:
        """Whether it is left."""
        return self.preferred_s == 0


@dataclass(frozen=True, slots=True)
class PlainVm:
    """A VM.

    Args:
        twin: Its lab.
        name: Also of its namespace.
        host: Where it runs.
        vnet: Its VNet.
        number: Its number in Proxmox; its MAC is made of it.
    """

    twin: Twin
    name: str
    host: str
    vnet: str
    number: int

    @property
    def mac(self) -> str:
        """Its MAC."""
        return f"bc:24:11:ff:{self.number // 256 % 256:02x}:{self.number % 256:02x}"

    def start(self) -> None:
        """Plug it in, with an operating system that has just booted.

        Raises:
            LabError: Its host has no such VNet, or can't be reached.
        """
        mtu = self.twin.site.zones[self.twin.site.vnets[self.vnet].zone].mtu
        tap = f"tap{self.number}i0"
        self.twin.lab.access.run(
            self.host,
            "sh -s",
            stdin=f"""
set -e
ip netns pids {self.name} 2>/dev/null | xargs -r kill -9
ip netns delete {self.name} 2>/dev/null || true
ip link delete {tap} 2>/dev/null || true
ip netns add {self.name}
ip link add dev {tap} mtu {mtu} type veth peer name {CARD} mtu {mtu} address {self.mac} netns {self.name}
ip link set dev {tap} master {self.vnet} up
ip -n {self.name} link set dev lo up
ip -n {self.name} link set dev {CARD} up
""",
        )

    def run(self, *argv: str, timeout_s: float = 120) -> str:
        """What a command prints there; its exit status is not looked at."""
        words = ["ip", "netns", "exec", self.name, *argv]
        return self.twin.lab.access.run(self.host, words, check=False, timeout_s=timeout_s).stdout

    def addresses(self) -> dict[str, Address]:
        """Its global and unique local IPv6 addresses that are ready, by their /64 as text."""
        listed = json.loads(self.run("ip", "-json", "-6", "address", "show", "dev", CARD, "scope", "global") or "[]")
        entries = (entry for link in listed for entry in link.get("addr_info", ()))
        # Of an address that is left out iproute2 (6.15) prints an empty object.
        found = [_address(entry) for entry in entries if entry and not entry.get("tentative")]
        return {_subnet(address.text): address for address in found}

    def routers(self) -> list[str]:
        """The gateways of its default routes: link-local ones are advertised."""
        listed = json.loads(self.run("ip", "-json", "-6", "route", "show", "default") or "[]")
        hops = [hop for route in listed for hop in route.get("nexthops", [route])]
        return sorted(str(hop["gateway"]) for hop in hops if "gateway" in hop)

    def source_to(self, destination: str) -> str:
        """The address from which it would reach another."""
        listed = json.loads(self.run("ip", "-json", "-6", "route", "get", destination) or "[]")
        return str(listed[0].get("prefsrc", "")) if listed else ""

    def pings(self, destination: str, *, count: int = 3, source: str = "") -> int:
        """How many of some pings are answered.

        Args:
            destination: Whom.
            count: How many, a fifth of a second apart.
            source: From where; where its kernel takes it from if it is empty.
        """
        given = ("-I", source) if source else ()
        said = self.run("ping", "-n", "-q", "-i", "0.2", "-c", str(count), "-W", "1", *given, destination)
        words = said.partition(" received")[0].split()
        return int(words[-1]) if words and words[-1].isdigit() else 0


def _subnet(address: str) -> str:
    return str(IPv6Interface(f"{address}/64").network)


def _address(entry: Mapping[str, Any]) -> Address:
    return Address(entry["local"], int(entry["preferred_life_time"]), int(entry["valid_life_time"]))

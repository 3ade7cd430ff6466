"""A kernel's network devices for tests of the agent: answers `ip` as the real one does, and remembers orders.

This machine's kernel has no dummy devices; the lab's has, and shows the real thing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

from trellis.agent.process import Ended


@dataclass
class FakeIp:
    """Devices by name, each with `kind`, `mtu`, `up` and `addresses`; `orders` are those that changed something."""

    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    refuses: str = ""

    def add(self, name: str, *addresses: str, kind: str = "", mtu: int = 1500, up: bool = True) -> None:
        self.devices[name] = {"kind": kind, "mtu": mtu, "up": up, "addresses": list(addresses)}

    def run(self, argv: list[str], _: float) -> Ended:
        """What `trellis.agent.process.run` does for `ip`."""
        assert argv[0] == "ip", argv
        words = argv[1:]
        if words == ["-json", "-details", "address", "show"]:
            return Ended(0, json.dumps([self._shown(name) for name in self.devices]), "")
        order = " ".join(words)
        if self.refuses and self.refuses in order:
            return Ended(2, "", "RTNETLINK answers: Operation not supported\n")
        self.orders.append(order)
        match words:
            case ["link", "add", name, "type", kind]:
                assert name not in self.devices
                self.add(name, kind=kind, up=False)
            case ["link", "delete", name]:
                del self.devices[name]
            case ["link", "set", name, "up" | "down" as state]:
                self.devices[name]["up"] = state == "up"
            case ["address", "add", address, "dev", name]:
                assert address not in self.devices[name]["addresses"]
                self.devices[name]["addresses"].append(address)
            case ["address", "delete", address, "dev", name]:
                self.devices[name]["addresses"].remove(address)
            case _:
                raise AssertionError(order)
        return Ended(0, "", "")

    def _shown(self, name: str) -> dict[str, Any]:
        device = self.devices[name]
        addresses = [ip_interface(address) for address in device["addresses"]]
        return {
            "ifname": name,
            "mtu": device["mtu"],
            "flags": ["BROADCAST", *(["UP"] if device["up"] else [])],
            **({"linkinfo": {"info_kind": device["kind"]}} if device["kind"] else {}),
            "addr_info": [
                {"local": str(address.ip), "prefixlen": address.network.prefixlen, "scope": "global"}
                for address in addresses
            ],
        }

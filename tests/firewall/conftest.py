"""The fabric that packets are sent through: the zones of ``examples/leaks`` on one host, and an edge beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest

from tests.firewall.namespaces import Namespace, address, cable, for_this_kernel, forward, lacking
from tests.sites import bundles_of
from trellis.render.firewall import FIREWALL

VNETS = {"apps1": 101, "backup1": 102, "replica1": 112, "guests1": 103}
"""VNets of the example, each with one guest, by the number in its prefixes."""


@dataclass(frozen=True)
class Fabric:
    """A host with a guest on each VNet, and all that is beyond it in one namespace."""

    host: Namespace
    beyond: Namespace
    guests: dict[str, Namespace]
    table: str

    def load(self, text: str | None = None) -> None:
        """Load the host's table, or another text."""
        self.host.run("nft -f -", self.table if text is None else text)


@pytest.fixture(scope="session")
def nft() -> None:
    why = lacking()
    if why:
        pytest.skip(f"filters are loaded into a network namespace: {why}")


@pytest.fixture(scope="module")
def fabric(nft: None) -> Iterator[Fabric]:
    with ExitStack() as stack:
        host, beyond = (stack.enter_context(closing(Namespace(name))) for name in ("host", "beyond"))
        guests = {vnet: stack.enter_context(closing(Namespace(vnet))) for vnet in VNETS}
        for router in (host, beyond):
            forward(router)
        address(host, "lo", "10.255.0.1/32", "fd00:0:0:ffff::1/128")
        cable(host, "uplink", beyond, "downlink")
        address(host, "uplink", "10.10.0.11/24", "fd00:10::11/64")
        address(beyond, "downlink", "10.10.0.254/24", "fd00:10::ffff/64", "10.10.0.200/24", "fd00:10::200/64")
        address(beyond, "lo", "198.51.100.7/32", "2001:db8::7/128")
        host.run("ip route add default via 10.10.0.254")
        host.run("ip -6 route add default via fd00:10::ffff")
        beyond.run("ip -6 route add fd00::/16 via fd00:10::11")
        for route in ("10.96.0.0/11", "10.255.0.1/32"):
            beyond.run(f"ip route add {route} via 10.10.0.11")
        for vnet, guest in guests.items():
            _attach(host, vnet, guest)
        for server in (host, beyond, *guests.values()):
            for port in (22, 123, 179, 8006):
                server.listen(port)
        table = next(found for found in bundles_of("leaks") if found.host == "pve01").text(FIREWALL)
        yield Fabric(host, beyond, guests, for_this_kernel(table))


def _attach(host: Namespace, vnet: str, guest: Namespace) -> None:
    number = VNETS[vnet]
    host.run(f"ip link add {vnet} type bridge")
    host.run(f"ip link set {vnet} up")
    address(host, vnet, f"10.{number}.0.254/24", f"fd00:{number}::fffe/64")
    cable(host, f"p-{vnet}", guest, "eth0")
    host.run(f"ip link set p-{vnet} master {vnet}")
    guest.run(
        f"ip link set eth0 address bc:24:11:01:{number - 100:02}:06"
    )  # the site's, to which its addresses are tied
    address(guest, "eth0", f"10.{number}.0.6/24", f"fd00:{number}::6/64")
    guest.run(f"ip route add default via 10.{number}.0.254")
    guest.run(f"ip -6 route add default via fd00:{number}::fffe")

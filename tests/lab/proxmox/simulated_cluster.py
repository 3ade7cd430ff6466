"""A simulated cluster on a fake transport, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from starlette.applications import Starlette

from trellis.lab.proxmox.call import Simulator

TOKEN = "root@pam!trellis"
SECRET = "8f2ab3c1-0000-4000-8000-5a5a5a5a5a5a"
NODES = ("pve01", "pve02", "pve03")


class FakeTransport:
    """Answers as nodes would; remembers what they were asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...], str]] = []
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.unreachable: set[str] = set()

    def run(self, node: str, argv: Sequence[str], stdin: str) -> tuple[int, str, str]:
        self.calls.append((node, tuple(argv), stdin))
        return self.answers.get(node, (0, f"{node}: reloading network config\n", ""))

    def reachable(self, node: str) -> bool:
        return node not in self.unreachable


class Client:
    """Calls an application without a socket, one event loop per call."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://lab") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


class Api:
    """A client of the simulated API, with the token set and Proxmox's base path in front."""

    def __init__(self, client: Client, simulator: Simulator, transport: FakeTransport) -> None:
        self.client = client
        self.simulator = simulator
        self.transport = transport
        self.headers = {"Authorization": f"PVEAPIToken={TOKEN}={SECRET}"}

    def call(self, method: str, path: str, **fields: Any) -> Any:
        """A call that must go well; returns `data`."""
        response = self.raw(method, path, **fields)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def raw(self, method: str, path: str, **fields: Any) -> httpx.Response:
        """A call; parameters with underscores get hyphens."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        where = {"params": named} if method in ("GET", "DELETE") else {"data": named}
        return self.client.request(method, f"/api2/json{path}", headers=self.headers, **where)

    def refusal(self, method: str, path: str, **fields: Any) -> tuple[int, str]:
        """A call that must be refused; returns status and message."""
        response = self.raw(method, path, **fields)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["message"]

    def apply(self) -> dict[str, Any]:
        """Apply and wait; returns the task's status."""
        upid = self.call("PUT", "/cluster/sdn")
        self.simulator.tasks.wait(upid, 10)
        status: dict[str, Any] = self.call("GET", f"/nodes/pve01/tasks/{upid}/status")
        return status

    def build_fabric(self) -> None:
        """Controller, zone, VNet and two subnets, as the provider creates them; pending."""
        peers = ["10.255.0.1", "10.255.0.2", "10.255.0.3"]
        self.call("POST", "/cluster/sdn/controllers", controller="evpn", type="evpn", asn=4200001000, peers=peers)
        self.call(
            "POST",
            "/cluster/sdn/zones",
            zone="evpnz1",
            type="evpn",
            controller="evpn",
            vrf_vxlan=4096,
            mtu=8950,
            advertise_subnets=0,
            disable_arp_nd_suppression=0,
            exitnodes_local_routing=0,
        )
        self.call("POST", "/cluster/sdn/vnets", vnet="vnet100", zone="evpnz1", tag=10100)
        for subnet, gateway in (("10.100.0.0/24", "10.100.0.254"), ("fd00:100::/64", "fd00:100::fffe")):
            self.call(
                "POST",
                "/cluster/sdn/vnets/vnet100/subnets",
                subnet=subnet,
                gateway=gateway,
                type="subnet",
                vnet="vnet100",
            )

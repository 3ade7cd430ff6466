"""A simulated cluster on a fake transport, and the SDN configuration that most tests are about."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.proxmox.simulated_cluster import NODES, SECRET, TOKEN, Api, Client, FakeTransport
from trellis.lab.proxmox import SshConfig, start, stop
from trellis.lab.proxmox.api import application
from trellis.lab.proxmox.call import Simulator
from trellis.lab.proxmox.config import NodeConfig, SimulatorConfig
from trellis.lab.proxmox.store import Store


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorConfig]:
    """A simulator that listens, with TLS; its only node can't be reached, which an apply only warns of."""
    folder = tmp_path_factory.mktemp("proxmox")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    ssh = SshConfig(str(folder / "no-key"), str(folder / "no-hosts"))
    nodes = (NodeConfig("pve01", "127.0.0.9", "9.2"),)
    config = SimulatorConfig("127.0.0.1", str(folder), "lab", nodes, {TOKEN: SECRET}, ssh=ssh, port=port)
    config.write(folder / "proxmox.json")
    start(folder / "proxmox.json", say=lambda _: None)
    yield config
    stop(folder / "proxmox.json")


@pytest.fixture
def make_api(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    """Makes a simulated cluster, of one release or one per node."""
    started: list[Simulator] = []

    def make(*releases: str, **settings: Any) -> Api:
        nodes = tuple(
            NodeConfig(name, f"10.10.0.1{number}", (releases or ("9.2",))[(number - 1) % max(1, len(releases))])
            for number, name in enumerate(NODES, start=1)
        )
        config = SimulatorConfig("127.0.0.1", str(tmp_path), "lab", nodes, {TOKEN: SECRET}, **settings)
        transport = FakeTransport()
        simulator = Simulator(config, Store(tmp_path / "sdn.json"), transport)
        started.append(simulator)
        return Api(Client(application(simulator)), simulator, transport)

    yield make
    for simulator in started:
        simulator.tasks.close()


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """A simulated cluster of the newest release."""
    return make_api()


@pytest.fixture
def two_zones() -> dict[str, Any]:
    """The committed configuration of the seed's homelab: two zones, three VNets."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "running-config.json").read_text())
    return document

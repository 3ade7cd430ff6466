"""Serving the API over TLS, in this process, until it is told to end."""

from __future__ import annotations

import socket
from pathlib import Path

import uvicorn

from trellis.lab.errors import LabError
from trellis.lab.proxmox import tls
from trellis.lab.proxmox.api import application
from trellis.lab.proxmox.call import Simulator
from trellis.lab.proxmox.config import SimulatorConfig
from trellis.lab.proxmox.install import certificate_of
from trellis.lab.proxmox.nodes import NodeTransport
from trellis.lab.proxmox.ssh import SshTransport
from trellis.lab.proxmox.store import Store

READY = "ready"
"""Name of the file, in the state's folder, that is there while the API listens."""


class Server(uvicorn.Server):
    """A server that leaves a file as long as it listens.

    Args:
        config: uvicorn's.
        ready: The file.
    """

    def __init__(self, config: uvicorn.Config, ready: Path) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready.write_text("listening\n")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening."""
        self._ready.unlink(missing_ok=True)
        await super().shutdown(sockets)


def server(config: SimulatorConfig, transport: NodeTransport | None = None) -> Server:
    """The API's server, not yet running.

    Args:
        config: The cluster.
        transport: How the nodes are reached; SSH unless given.

    Raises:
        LabError: There is neither a transport nor a key for SSH.
    """
    if transport is None:
        if config.ssh is None:
            raise LabError(
                "the Proxmox simulator",
                why="its configuration has no `ssh`, so it can't reach its nodes",
                remedy="let the lab write the configuration",
            )
        transport = SshTransport(config, config.ssh)
    folder = Path(config.state_dir)
    files = tls.identity(*certificate_of(config))
    simulator = Simulator(config, Store(folder / "sdn.json"), transport)
    return Server(
        uvicorn.Config(
            application(simulator),
            host=config.listen,
            port=config.port,
            ssl_certfile=str(files.certificate),
            ssl_keyfile=str(files.key),
            lifespan="off",
            log_config=None,
            access_log=False,
        ),
        folder / READY,
    )

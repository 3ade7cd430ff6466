"""What is at a Talos node's address in tests: its end of the API as the lab has it, and what it was told."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

_CLONE_NEWNET = 0x40000000  # unshare(2)
PORT = 50000


@dataclass(frozen=True)
class Told:
    """One request: the address where it arrived, the node that it is about, what is asked, and what was sent."""

    at: str
    node: str
    what: str
    body: str


class Nodes:
    """Nodes at some addresses of this machine, each with the port of Talos's API."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.told: list[Told] = []
        self.answers: dict[str, list[int]] = {}
        """What a node answers instead of 200, its next answers first."""
        self._servers = {address: self._serve(address) for address in addresses}

    def _serve(self, address: str) -> HTTPServer:
        nodes = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = nodes.answers.get(address, []).pop(0) if nodes.answers.get(address) else 200
                if status == 200:
                    nodes.told.append(Told(address, self.headers["X-Talos-Node"], self.path, body))
                text = b"" if status == 200 else b"it does not want to"
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(HTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        server = Server((address, PORT), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def configurations(self) -> dict[str, str]:
        """The last configuration of each node, by its address."""
        return {told.at: told.body for told in self.told if told.what == "/configuration"}

    def stop(self, *addresses: str) -> None:
        """Take nodes away, by default all."""
        for address in addresses or tuple(self._servers):
            server = self._servers.pop(address)
            server.shutdown()
            server.server_close()


@contextmanager
def own_network(addresses: Iterable[str]) -> Iterator[None]:
    """Have a network of one's own, in which this thread, and what it starts, has some addresses on its loopback."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace with the nodes' addresses needs root")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip(f"no network namespace here: {os.strerror(ctypes.get_errno())}")
        for words in (["link", "set", "lo", "up"], *(["address", "add", one, "dev", "lo"] for one in addresses)):
            subprocess.run(["ip", *words], check=True)
        yield
    finally:
        libc.setns(before, _CLONE_NEWNET)
        os.close(before)

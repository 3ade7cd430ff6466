"""A router's REST face on the wire: a real TLS server, one thread for each connection, that can be made to fail."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from trellis.lab.proxmox.tls import identity
from trellis.lab.routeros.router import FaceFault, RestFace

_DRIP_S = 0.2
_IDLE_S = 60.0
"""Seconds for which a connection may be silent; also how long a hung answer is held at most."""


@dataclass(frozen=True, slots=True)
class Served:
    """A face that is being served.

    Attributes:
        face: What it is; may be changed.
        endpoint: ``https://ADDRESS:PORT``.
        certificate: SHA-256 of its certificate, as `/certificate/print detail` shows it.
    """

    face: RestFace
    endpoint: str
    certificate: str


class Server(ThreadingHTTPServer):
    """Serves a face.

    Args:
        face: What.
        address: Where; port 0 means any.
        folder: Where its certificate is kept.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, face: RestFace, address: tuple[str, int], folder: Path) -> None:
        self.face, self.ended = face, threading.Event()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        files = identity(folder, [address[0]])
        self.certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes()).fingerprint(hashes.SHA256())
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(files.certificate, files.key)
        super().__init__(address, _Handler)

    @property
    def endpoint(self) -> str:
        """Where it is reached."""
        host = str(self.server_address[0])
        return f"https://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS in the connection's own thread: a client that never does must not hold up the others."""
        try:
            request.settimeout(_IDLE_S)
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        except OSError:
            return  # it went away, or did not want this certificate

    def server_close(self) -> None:
        """Let go of the port, and of answers that hang."""
        self.ended.set()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer a question, or fail as the face does."""
        asked = urlsplit(self.path)
        path = asked.path.removeprefix("/rest/").strip("/")
        face = self.server.face.now()
        fault = self.server.face.fault_of(path)
        status, content = _answer(face.lets_in(self.headers.get("Authorization")), face.answer(path))
        self.server.face.asked.append(f"GET {path} {fault.kind if fault else status}")
        wanted = parse_qs(asked.query).get(".proplist")
        if status == HTTPStatus.OK and wanted and isinstance(content, list):
            names = set(wanted[0].split(","))
            content = [{name: value for name, value in one.items() if name in names} for one in content]
        body = json.dumps(content, separators=(",", ":")).encode()
        if fault is None:
            self._send(status, body)
        else:
            self._fail(fault, body)

    def _fail(self, fault: FaceFault, body: bytes) -> None:
        if fault.kind == "status":
            message = HTTPStatus(fault.status).phrase
            self._send(fault.status, json.dumps({"error": fault.status, "message": message}).encode())
        elif fault.kind == "redirect":
            self._send(302, b"", {"Location": "https://203.0.113.1/rest/ipv6/pool"})
        elif fault.kind == "truncate":
            self._send(200, body[: len(body) // 2])
        elif fault.kind == "hang":
            self.server.ended.wait(_IDLE_S)
            self.close_connection = True
        elif fault.kind == "close":
            self.close_connection = True
        else:
            self._begin(200, len(body))
            self._partly(fault, body)

    def _partly(self, fault: FaceFault, body: bytes) -> None:
        """Begin a body and never end it."""
        if fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
        else:
            for byte in body[:-1]:
                self.wfile.write(bytes((byte,)))
                if self.server.ended.wait(_DRIP_S):
                    break
        self.close_connection = True

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._begin(status, len(body), headers)
        self.wfile.write(body)

    def _begin(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: `RestFace.asked` has it."""


def _answer(let_in: bool, content: Any) -> tuple[int, Any]:
    if not let_in:
        return 401, {"error": 401, "message": "Unauthorized"}
    if content is None:
        return 400, {"detail": "no such command or directory", "error": 400, "message": "Bad Request"}
    return 200, content


@contextmanager
def serve(face: RestFace, folder: Path, address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Served]:
    """Serve a face as long as the `with` block lasts.

    Args:
        face: What.
        folder: Where its certificate is kept; another folder has another one.
        address: Where; port 0 means any.
    """
    server = Server(face, address, folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Served(face, server.endpoint, server.certificate.hex())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

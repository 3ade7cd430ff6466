"""A small HTTPS server that answers the SDN calls of a Proxmox cluster and writes down what it was asked.

It knows no network: the lab's own simulator does what Proxmox does. This one is for the order and form of
calls, and for what was pending at each apply.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "root@pam!trellis=11111111-2222-3333-4444-555555555555"
_FLAGS = ("advertise-subnets", "disable-arp-nd-suppression", "exitnodes-local-routing", "isolate-ports", "vlanaware")
_NUMBERS = ("mtu", "vrf-vxlan", "tag", "asn")


class NotThere(Exception):
    pass


class Refused(Exception):
    pass


class NotImplementedHere(Exception):
    """A question of newer releases."""


@dataclass
class FakeProxmox:
    """The cluster's SDN configuration.

    Args:
        calls: Each call as "METHOD path?query body".
        objects: The pending configuration: objects by "collection/id".
        applied: What was in force after each apply, as sorted "collection/id" names.
        fail_applies: How many of the next applies end in a failed task.
        deletion_s: How long each deletion takes.
    """

    calls: list[str] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    applied: list[list[str]] = field(default_factory=list)
    fail_applies: int = 0
    deletion_s: float = 0.0
    in_force: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    endpoint: str = ""

    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]

    def answer(self, method: str, path: str, form: list[tuple[str, str]]) -> Any:
        if method == "DELETE":
            time.sleep(self.deletion_s)
        with self.lock:
            if path == "cluster/sdn" and method == "PUT":
                return self._apply()
            if path.startswith("nodes/"):
                task, what = path.split("/")[3:5]
                if what == "log":
                    return [{"n": 1, "t": "pve02: reload failed"}]
                return {"status": "stopped", "exitstatus": self.tasks[unquote(task)]}
            return self._object(method, path.removeprefix("cluster/sdn/"), form)

    def _apply(self) -> str:
        task = f"UPID:pve01:0000:{len(self.tasks):08X}:0:reloadnetworkall::root@pam!trellis:"
        self.tasks[task] = "OK" if not self.fail_applies else "command failed"
        self.fail_applies = max(0, self.fail_applies - 1)
        if self.tasks[task] == "OK":
            self.in_force = {name: dict(one) for name, one in self.objects.items()}
            self.applied.append(sorted(self.in_force))
        return task

    def _object(self, method: str, path: str, form: list[tuple[str, str]]) -> Any:
        *_, last = path.split("/")
        if path.split("/", maxsplit=1)[0] not in ("zones", "vnets", "controllers"):
            raise NotImplementedHere(f"Method '{method} /cluster/sdn/{path}' not implemented")
        is_collection = last in ("zones", "vnets", "controllers", "subnets")
        if method == "POST":
            return self._create(path, form)
        if is_collection:
            depth = path.count("/") + 1
            return [
                one if name in self.in_force else {**one, "state": "new"}
                for name, one in self.objects.items()
                if name.startswith(f"{path}/") and name.count("/") == depth
            ]
        if path not in self.objects:
            raise NotThere(f"{path} does not exist")
        if method == "GET":
            return self._read(path)
        if method == "DELETE":
            self._refuse_used(path, last)
            del self.objects[path]
            return None
        values = dict(form)
        for name in [value for key, value in form if key == "delete"]:
            self.objects[path].pop(name, None)
        values.pop("delete", None)
        if "type" in values:
            raise Refused("type: property is not defined in schema")
        self.objects[path].update(_typed(form))
        return None

    def _create(self, path: str, form: list[tuple[str, str]]) -> None:
        values = _typed(form)
        kind = path.rsplit("/", maxsplit=1)[-1]
        key = {"zones": "zone", "vnets": "vnet", "controllers": "controller", "subnets": "subnet"}[kind]
        if kind == "subnets":
            vnet = self.objects[path.removesuffix("/subnets")]
            values["cidr"] = values["subnet"]
            values["subnet"] = f"{vnet['zone']}-{str(values['subnet']).replace('/', '-')}"
        name = f"{path}/{values[key]}"
        if name in self.objects:
            raise Refused(f"{key} '{values[key]}' already exists")
        if kind == "vnets" and f"zones/{values['zone']}" not in self.objects:
            raise Refused(f"zone '{values['zone']}' does not exist")
        self.objects[name] = values

    def _read(self, path: str) -> dict[str, Any]:
        """With the rest below `pending` as long as it was never applied."""
        one = dict(self.objects[path])
        if path.split("/", maxsplit=1)[0] == "vnets" or path in self.in_force:
            return {**one, "digest": "d1"}
        top = {name: one.pop(name) for name in ("zone", "controller", "type") if name in one and name != path}
        if path.startswith("zones/"):
            pending = {name: value for name, value in {**one, **top}.items() if name not in ("zone", "type")}
            return {"zone": top["zone"], "type": "evpn", "state": "new", "digest": "d0", "pending": pending}
        return {**top, "state": "new", "digest": "d0", "pending": one}

    def _refuse_used(self, path: str, last: str) -> None:
        if path.startswith("zones/") and any(
            one.get("zone") == last for name, one in self.objects.items() if name.startswith("vnets/")
        ):
            raise Refused(f"zone {last} is used by a vnet")
        if path.startswith("controllers/") and any(
            one.get("controller") == last for name, one in self.objects.items() if name.startswith("zones/")
        ):
            raise Refused(f"controller {last} is used by a zone")
        if path.startswith("vnets/") and any(name.startswith(f"{path}/subnets/") for name in self.objects):
            raise Refused("Can't delete vnet if subnets exists")


def _typed(form: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in form:
        value: Any = int(text) if name in _FLAGS + _NUMBERS else text
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def serve(folder: Path) -> tuple[FakeProxmox, ThreadingHTTPServer]:
    """Start it on loopback; the CA goes to `folder/ca.pem`."""
    fake = FakeProxmox()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            url = urlsplit(self.path)
            path = url.path.removeprefix("/api2/json/")
            asked = f"{path}?{url.query}" if url.query else path
            fake.calls.append(f"{self.command} {asked} {body}".strip())
            code, reason, data = 200, "OK", None
            if self.headers.get("Authorization") != f"PVEAPIToken={TOKEN}":
                code, reason = 401, "authentication failure"
            else:
                try:
                    data = fake.answer(self.command, unquote(path), parse_qsl(body, keep_blank_values=True))
                except (NotThere, Refused) as error:
                    code, reason = 500, str(error)
                except NotImplementedHere as error:
                    code, reason = 501, str(error)
            content = json.dumps({"data": data}).encode()
            self.send_response(code, reason)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    make_certificates(folder)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    fake.endpoint = f"https://127.0.0.1:{server.server_port}"
    return fake, server


def make_certificates(folder: Path) -> None:
    """A CA, and a server certificate for 127.0.0.1 signed by it."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    base = x509.CertificateBuilder().issuer_name(name("fake CA")).not_valid_before(now - datetime.timedelta(days=1))
    base = base.not_valid_after(now + datetime.timedelta(days=2))
    ca = (
        base.subject_name(name("fake CA"))
        .public_key(ca_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        base.subject_name(name("127.0.0.1"))
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )

"""The lab's RouterOS as a process of its own: it says where it is, and becomes what its file says, at once."""

from __future__ import annotations

import http.client
import json
import ssl
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from trellis.lab.errors import LabError
from trellis.lab.routeros import Face, FaceFault, Lease, RestFace, RouteEntry
from trellis.lab.routeros.router import UPLINK, read, write

FACE = Face("trellis", "secret-7", (Lease("pd-v101", "wan6-v101", ("2600:1700:ab1a:500e::/64",)),))


class Served:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "face.json"
        write(FACE, self.file)
        argv = [sys.executable, "-m", "trellis.lab.routeros", "--face", str(self.file), "--folder", str(folder / "tls")]
        self.process = subprocess.Popen([*argv, "--port", "0"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = json.loads(self.process.stdout.readline())

    def get(self, path: str, password: str = "secret-7") -> tuple[int, Any]:
        where = urlsplit(self.said["endpoint"])
        connection = http.client.HTTPSConnection(
            str(where.hostname), where.port, context=ssl._create_unverified_context(), timeout=5
        )
        basic = b64encode(f"trellis:{password}".encode()).decode()
        connection.request("GET", f"/rest/{path}", headers={"Authorization": f"Basic {basic}"})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path)
    yield found
    found.process.terminate()
    found.process.wait(10)
    assert found.process.stdout is not None
    found.process.stdout.close()


def test_it_answers_as_routeros_does_and_follows_its_file(served: Served) -> None:
    status, pools = served.get("ipv6/pool")
    assert status == 200
    assert [(one["name"], one["prefix"]) for one in pools] == [("pd-v101", "2600:1700:ab1a:500e::/64")]
    assert all(isinstance(value, str) for one in pools for value in one.values())
    _, clients = served.get("ipv6/dhcp-client")
    assert clients[0]["prefix"] == "2600:1700:ab1a:500e::/64, 23h59m12s"
    assert served.get("ipv6/pool", "wrong") == (401, {"error": 401, "message": "Unauthorized"})
    assert [one["dst-address"] for one in served.get("ipv6/route")[1]] == ["::/0", "fe80::%ether1/64"]
    assert served.get("ipv6/neighbor")[0] == 400

    write(Face("trellis", "secret-7", (Lease("pd-v101", "wan6-v101"),)), served.file)
    assert served.get("ipv6/pool") == (200, [])
    assert served.get("ipv6/dhcp-client")[1][0]["status"] == "searching..."

    write(Face("trellis", "secret-7", FACE.leases, fault=FaceFault("status", times=1)), served.file)
    assert [served.get("ipv6/pool")[0] for _ in range(2)] == [503, 200]


def test_its_file_is_for_its_owner_and_holds_all_of_a_face(tmp_path: Path) -> None:
    face = Face(
        user="reader",
        password="x",
        leases=FACE.leases,
        routes=(*UPLINK, RouteEntry("fd00:101::/64", "vlan101", 0, ("connect", "dynamic"))),
        entries={"ipv6/pool": [{"name": "odd"}]},
        fault=FaceFault("hang", "ipv6/pool", 2),
    )
    assert all(getattr(face, each.name) != getattr(Face(), each.name) for each in fields(Face))
    write(face, tmp_path / "face.json")
    assert read(tmp_path / "face.json") == face
    assert stat.S_IMODE((tmp_path / "face.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[]", '{"leases": 1}', '{"leases": [], "fault": null, "colour": "red"}'])
def test_a_file_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "face.json").write_text(text)
    with pytest.raises(LabError, match="the router's face"):
        read(tmp_path / "face.json")


def test_a_fault_is_counted_anew_with_each_change() -> None:
    failing = Face(fault=FaceFault("cut", times=1))
    face = RestFace(failing)
    assert [face.fault_of("ipv6/pool") is not None for _ in range(3)] == [True, False, False]
    face.become(failing)
    assert face.fault_of("ipv6/pool") is not None

"""An edge's REST face: where it is asked, what it says at first, and what `trellis prefixes` makes of it there."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sites import site_data, site_of
from trellis.lab import site_files
from trellis.lab.edge_rest import EdgeRest, end, rest_of
from trellis.lab.from_site import overlay
from trellis.lab.service import Service
from trellis.site import load_site, with_prefixes


def changed(endpoint: str) -> Any:
    data = site_data("delegated")
    data["edges"]["edge1"]["rest_api"]["endpoint"] = endpoint
    return load_site(data)


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[EdgeRest]:
    found = EdgeRest("edge1", tmp_path / "rest", tmp_path / "password", "127.0.0.1", _free_port(), "trellis")
    yield found
    end(found.folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_edge_is_asked_where_the_site_says_if_that_is_its_own_address() -> None:
    assert rest_of(site_of("delegated"), Path("/x"))["edge1"].endpoint == "https://10.10.0.254:443"
    assert (
        rest_of(changed("https://[fd00:10::ffff]:8443"), Path("/x"))["edge1"].endpoint == "https://[fd00:10::ffff]:8443"
    )


@pytest.mark.parametrize(
    "endpoint", ["https://edge1.example.net:443", "https://192.0.2.7:443", "https://10.10.0.11:443"]
)
def test_an_edge_that_is_asked_elsewhere_is_asked_at_its_loopback(endpoint: str) -> None:
    assert rest_of(changed(endpoint), Path("/x"))["edge1"].endpoint == "https://10.255.0.254:443"


def test_an_edge_without_a_rest_api_has_no_face() -> None:
    assert rest_of(site_of("mixed"), Path("/x")) == {}


def test_a_face_says_at_first_what_the_prefix_file_says_and_a_lost_delegation_is_lost(rest: EdgeRest) -> None:
    rest.start(site_of("delegated"), print)
    leases = {lease.pool: lease.prefixes for lease in rest.face.leases}
    assert leases == {
        "pd-v100": ("2600:1700:ab1a:5009::/64",),
        "pd-v101": ("2600:1700:ab1a:500e::/64",),
        "pd-v102": ("2600:1700:ab1a:500b::/64",),
        "pd-v103": (),
    }
    rest.delegate(pd_v101=None, pd_v103="2600:1700:ab1a:5008::/64")
    now = {lease.pool: lease.prefixes for lease in rest.face.leases}
    assert now == leases | {"pd-v101": (), "pd-v103": ("2600:1700:ab1a:5008::/64",)}


def test_what_is_served_has_the_certificate_that_is_pinned(rest: EdgeRest) -> None:
    said: list[str] = []
    for _ in range(2):
        rest.start(site_of("delegated"), said.append)
    assert said == [f"edge edge1: REST face starting at {rest.endpoint}"], "a second start is the first one"
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((rest.address, rest.port)))
    assert hashlib.sha256(der).hexdigest() == rest.certificate


def test_the_lab_s_site_asks_the_face_and_pins_its_certificate(rest: EdgeRest) -> None:
    data = site_data("delegated")
    overlaid = overlay(data, load_site(data), {}, {"edge1": (rest.endpoint, rest.certificate)})
    api = load_site(overlaid).edges["edge1"].rest_api
    assert api is not None
    assert (api.endpoint, api.certificate) == (rest.endpoint, rest.certificate)
    assert data == site_data("delegated")


def test_a_site_becomes_a_stack_file_and_a_prefix_file_and_they_become_the_site_again(tmp_path: Path) -> None:
    data = site_data("delegated")
    file = site_files.write(tmp_path, "delegated", data)
    own = yaml.safe_load(file.read_text())["config"]["trellis:site"]
    assert "delegated" not in own
    assert with_prefixes(own, (tmp_path / "Prefixes.delegated.yaml").read_bytes()) == data
    without = {key: value for key, value in data.items() if key != "delegated"}
    site_files.write(tmp_path, "delegated", without)
    assert not (tmp_path / "Prefixes.delegated.yaml").exists()


def test_a_service_that_runs_is_found_by_its_number_and_ended_by_it(tmp_path: Path) -> None:
    service = Service("a sleeper", tmp_path, "sleeper", "3601")
    # Until its command is there the process is a copy of this one.
    pid = service.start(["sleep", "3601"], lambda: service.pid() is not None)
    assert service.pid() == pid
    assert Service("another", tmp_path, "sleeper", "3602").pid() is None, "its number is not its command"
    service.stop()
    assert service.pid() is None

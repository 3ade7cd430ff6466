"""`trellis prefixes check`: routes at the edge that take what is sent to guests (incident I10), and its metrics."""

from __future__ import annotations

import json
import re
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.stack_of_edge import OTHER, VNETS, Stack
from tests.routeros.conftest import edge  # noqa: F401 (a fixture)
from tests.routeros.edge import FACE, failing, with_pool
from trellis.lab.routeros import RouteEntry, Served
from trellis.lab.routeros.router import UPLINK

FROM_HOSTS = (
    *(RouteEntry(prefix, "fd00:0:0:ffff::1", 20, ("bgp", "dynamic")) for prefix in VNETS.values()),
    RouteEntry("10.101.0.0/24", "10.255.0.2", 20, ("bgp", "dynamic")),
    RouteEntry("fd00:101::/64", "fd00:0:0:ffff::2", 20, ("bgp", "dynamic")),
)
OLD_VLAN = RouteEntry("10.101.0.0/24", "vlan101", 0, ("connect", "dynamic"))
UNREACHABLE = RouteEntry(VNETS["vnet101"], "", 1, ("dhcp", "dynamic", "blackhole"))


@pytest.fixture
def stack(tmp_path: Path, edge: Served) -> Stack:  # noqa: F811 (the fixture)
    folder = tmp_path / "stack"
    folder.mkdir()
    made = Stack(folder, edge)
    made.good()
    having(made)
    return made


def having(stack: Stack, *routes: RouteEntry) -> None:
    """Give the edge these routes beside those from hosts."""
    stack.served.face.become(replace(FACE, routes=(*UPLINK, *FROM_HOSTS, *routes)))


def series(file: Path) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }


def test_an_edge_that_hears_of_vnets_by_bgp_alone_is_as_it_shall_be(stack: Stack) -> None:
    code, printed, _ = stack.run("check", "--json")
    found = json.loads(printed)
    assert (code, found["same"], found["competing"]) == (0, True, [])
    assert stack.served.face.asked[2:] == ["GET ipv6/route 200", "GET ip/route 200"]


def test_an_old_vlans_addresses_that_beat_bgp_are_named_and_fail_the_check(stack: Stack) -> None:
    having(stack, OLD_VLAN, replace(OLD_VLAN, destination="fd00:101::/64"))
    code, printed, _ = stack.run("check")
    assert code == 1
    assert re.search(r"edge1.*vnet101.*10\.101\.0\.0/24.*vlan101.*0.*connected", printed)
    assert re.search(r"edge1.*vnet101.*fd00:101::/64.*vlan101.*0.*connected", printed)
    assert "edges.X.routeros.replaces" in printed


def test_the_unreachable_route_of_a_dhcpv6_client_is_named(stack: Stack) -> None:
    having(stack, UNREACHABLE)
    code, printed, _ = stack.run("check", "--json")
    assert code == 1
    assert json.loads(printed)["competing"] == [
        {
            "edge": "edge1",
            "vnet": "vnet101",
            "prefix": VNETS["vnet101"],
            "route": VNETS["vnet101"],
            "gateway": None,
            "distance": 1,
            "kind": "DHCP, unreachable",
        }
    ]


def test_a_route_that_is_not_taken_competes_with_none(stack: Stack) -> None:
    having(stack, replace(OLD_VLAN, active=False))
    assert stack.run("check")[0] == 0


def test_an_edge_with_a_full_table_may_be_asked_for_prefixes_alone(stack: Stack) -> None:
    having(stack, OLD_VLAN)
    code, _, _ = stack.run("check", "--no-routes")
    assert code == 0
    assert [asked for asked in stack.served.face.asked if "route" in asked] == []


@pytest.mark.parametrize("kind", ["cut", "truncate", "status"])
def test_an_edge_that_does_not_say_its_routes_whole_is_no_good_edge(stack: Stack, kind: str) -> None:
    stack.served.face.become(failing(kind, path="ip/route"))
    code, printed, said = stack.run("check")
    assert (code, printed) == (1, "")
    assert "ip/route" in said


def test_what_was_found_is_written_for_the_node_exporter(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "trellis.prom"
    stack.served.face.become(replace(with_pool("pd-v101", OTHER), routes=(*UPLINK, OLD_VLAN)))
    before = time.time()
    assert stack.run("check", "--metrics", str(file))[0] == 1
    found = series(file)
    assert found["trellis_prefix_drift", "changed", "vnet101"] == 1
    assert sum(found.values()) - found["trellis_prefixes_checked_timestamp_seconds",] == 2
    assert len([key for key in found if key[0] == "trellis_prefix_drift"]) == 12
    assert found["trellis_competing_routes", "edge1"] == 1
    assert before - 1 <= found["trellis_prefixes_checked_timestamp_seconds",] <= time.time() + 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o644, "the exporter is another user"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_of_routes_that_were_not_asked_for_nothing_is_said(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "trellis.prom"
    assert stack.run("check", "--no-routes", "--metrics", str(file))[0] == 0
    assert [key for key in series(file) if key[0] == "trellis_competing_routes"] == []


def test_a_check_that_fails_leaves_the_last_one_with_its_age(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "trellis.prom"
    assert stack.run("check", "--metrics", str(file))[0] == 0
    written = file.read_bytes()
    stack.served.face.become(failing("status", status=500))
    assert stack.run("check", "--metrics", str(file))[0] == 1
    assert file.read_bytes() == written


@pytest.mark.parametrize("name", ["trellis.txt", "nowhere/trellis.prom"])
def test_a_file_that_no_exporter_would_read_is_refused_before_anybody_is_asked(
    stack: Stack, tmp_path: Path, name: str
) -> None:
    code, _, said = stack.run("check", "--metrics", str(tmp_path / name))
    assert (code, "*.prom" in said) == (2, True)
    assert stack.served.face.asked == []

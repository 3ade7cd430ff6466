"""`trellis onboard` on a homelab whose hosts are a real sshd, with an edge's REST face and a simulated Proxmox."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ends.sshd import Sshd
from tests.lab.proxmox.conftest import make_api  # noqa: F401 (a fixture)
from tests.lab.proxmox.simulated_cluster import Api
from tests.operations.vms import as_declared, as_simulated, machines, stranger
from tests.remote.conftest import play_agent, served  # noqa: F401 (a fixture)
from tests.routeros.conftest import edge  # noqa: F401 (a fixture)
from tests.routeros.edge import FACE
from tests.sites import site_data
from trellis import remote
from trellis.agent import bundle
from trellis.cli import main
from trellis.cli.proxmox import TOKEN_VARIABLE
from trellis.lab import site_files
from trellis.lab.routeros import RouteEntry, Served
from trellis.observe.virtual_machines import Machine
from trellis.plan import plan
from trellis.pve_api import client
from trellis.render import render
from trellis.render.manifest import signed_manifest
from trellis.routeros.password import VARIABLE
from trellis.site import load_site

Run = Callable[..., tuple[int, str, str]]
V4, V6 = "10.101.254.6/32", "fd00:101:fe::6/128"
GUEST = "debian-test-1"


def session(*, up: bool) -> dict[str, Any]:
    """A line of the agent's `observe --once` about the guest."""
    routes = [
        {"prefix": prefix, "next_hop": "fd00:101::6", "as_path": "4200101006", "accepted": True} for prefix in (V4, V6)
    ]
    peer = {
        "vrf": "vrf_evpnz1",
        "address": "fd00:101::6",
        "state": "Established" if up else "Active",
        "remote_as": 4200101006,
        "local_as": 4200001000,
        "dynamic": False,
        "uptime_s": 60 if up else None,
        "received": 2 if up else 0,
        "accepted": 2 if up else 0,
        "sent": 2 if up else 0,
        "resets": 0,
        "routes": routes if up else [],
    }
    return {"schema_version": 1, "host": "pve01", "at_s": 1.0, "whole": True, "away": None, "peers": [peer]}


@pytest.fixture
def data(served: Sshd, edge: Served) -> dict[str, Any]:  # noqa: F811 (fixtures)
    """The homelab with pve01 alone, so that one sshd is all its hosts."""
    found = site_data("homelab")
    key = " ".join(served.host_key.split()[:2])
    for number, host in enumerate(found["hosts"].values(), start=1):
        host["ssh"] = {"address": f"127.0.0.{number}", "port": served.port, "user": "trellis", "host_key": key}
    found["guests"][GUEST]["placement"] = ["pve01"]
    found["tenants"]["tenant101"]["guest_bgp"].pop("export_peer_loopbacks")
    found["edges"]["edge1"]["rest_api"] = {
        "endpoint": edge.endpoint,
        "certificate": edge.certificate,
        "user": FACE.user,
    }
    return found


@pytest.fixture
def run(
    data: dict[str, Any],
    served: Sshd,  # noqa: F811 (the fixture)
    edge: Served,  # noqa: F811 (the fixture)
    tmp_path: Path,
    make_api: Callable[..., Api],  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `trellis onboard` there; what hosts, edge and Proxmox say is set by arguments, and is all well by default."""
    file, guests = site_files.write(tmp_path, "dev", data), tmp_path / "vms.json"
    api = make_api("9.1", guests_file=str(guests))
    as_in_the_site = remote.login_of
    # A site refuses root, and no other user of this machine can be counted on.
    monkeypatch.setattr(remote, "login_of", lambda *of: as_in_the_site(*of).as_user(getpass.getuser()))
    monkeypatch.setattr(bundle, "invocation", lambda command: f"sudo -n agent.py {command}")
    monkeypatch.setenv(TOKEN_VARIABLE, "root@pam!trellis=secret")
    monkeypatch.setenv(VARIABLE, FACE.password)

    def get(_: client.Api, path: str, **query: str) -> Any:
        answer = api.raw("GET", path, **query)
        if answer.status_code != 200:
            raise client.ApiProblem(answer.json()["message"], status=answer.status_code)
        return answer.json()["data"]

    def run_it(
        *words: str,
        up: bool = True,
        committed: str = "",
        at_edge: tuple[str, ...] = (V4, V6),
        vm: Machine | None = None,
    ) -> tuple[int, str, str]:
        planned = next(signed_manifest(one)[1] for one in render(plan(load_site(data))) if one.host == "pve01")
        _plays(served, planned, committed or planned, up=up)
        routes = tuple(RouteEntry(prefix, _next_hop(prefix), 20, ("bgp", "dynamic")) for prefix in at_edge)
        edge.face.become(replace(FACE, routes=(*FACE.routes, *routes)))
        there = machines(debian_test_1=vm or as_declared(GUEST)).by_vmid.values()
        guests.write_text(json.dumps(as_simulated([*there, stranger(1050, name="web")])))
        key = str(served.folder / "client_key")
        monkeypatch.setattr(sys, "argv", ["trellis", "onboard", *words, "--file", str(file), "--identity", key])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    monkeypatch.setattr(client.Api, "get", get)
    return run_it


def _next_hop(prefix: str) -> str:
    return "fd00:0:0:ffff::1" if ":" in prefix else "10.255.0.1"


def _plays(served: Sshd, planned: str, committed: str, *, up: bool) -> None:  # noqa: F811 (no fixture here)
    nothing = ("missing", "unexpected", "daemons", "sysctls", "loopbacks", "firewall", "units")
    check = {
        "digest": planned,
        "same": True,
        "lacking": [],
        "committed": committed,
        "frozen": None,
        "differences": {"files": {}, **{kind: [] for kind in nothing}},
    }
    (served.folder / "check").write_text(json.dumps(check))
    (served.folder / "observe").write_text(json.dumps(session(up=up)))
    play_agent(
        served, 'cat > /dev/null; case "$LAST" in --once) cat "$FOLDER/observe" ;; *) cat "$FOLDER/check" ;; esac'
    )


def test_a_guest_that_is_in_has_every_step_done(run: Run) -> None:
    status, out, _ = run(GUEST)
    assert "8 of 8 steps are done, 0 missing, 0 unknown" in out
    assert status == 0
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"up": False}, "session: in the guest, see that its speaker runs and dials fd00:101::fffe"),
        ({"committed": "ab" * 32}, "deployed pve01: run `pulumi up`"),
        ({"at_edge": (V4,)}, f"{V6} is not there"),
        ({"vm": as_declared(GUEST, running=False)}, "VM: start it: `qm start 1006` on pve01"),
        ({"vm": as_declared(GUEST, node="pve02")}, "node: the site says pve01; Proxmox says pve02"),
    ],
)
def test_the_step_that_is_missing_is_named_with_what_to_do(run: Run, wrong: dict[str, Any], said: str) -> None:
    status, out, _ = run(GUEST, **wrong)
    assert (status, said in out) == (1, True), out


def test_who_cannot_be_asked_leaves_a_step_unknown_and_the_rest_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    monkeypatch.delenv(VARIABLE)
    status, out, _ = run(GUEST, "--json")
    states = {step["name"]: step["state"] for step in json.loads(out)["steps"]}
    assert status == 0
    assert [name for name, state in states.items() if state == "unknown"] == ["VM", "edge"]


def test_a_host_that_is_away_leaves_its_steps_unknown(run: Run, served: Sshd) -> None:  # noqa: F811 (the fixture)
    served.process.terminate()
    served.process.wait(timeout=10)
    status, out, _ = run(GUEST, "--json")
    steps = {step["name"]: step for step in json.loads(out)["steps"]}
    assert status == 0
    assert {name for name, step in steps.items() if step["state"] == "unknown"} == {
        "deployed",
        "session",
        "routes",
        "edge",
        "default route",
    }
    assert "connect: " in steps["session"]["said"]


def test_a_guest_that_the_site_lacks_is_told_the_entry_of_the_vm_of_its_name(run: Run) -> None:
    status, out, _ = run("web")
    assert status == 1
    assert "the site has no guest web; it has debian-test-1, isolated-1" in out
    assert "  web: {vnet: vnet101, suffix: 1, host: pve01, mac: 'BC:24:11:AA:04:1A', vmid: 1050}" in out

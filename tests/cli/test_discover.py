"""`trellis guests discover` against the simulated Proxmox: what is told, the entries, and each exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.proxmox.conftest import make_api  # noqa: F401 (a fixture)
from tests.lab.proxmox.simulated_cluster import Api
from tests.operations.vms import DEBIAN, as_declared, as_simulated, machines, stranger
from tests.sites import site_data
from trellis.cli import main
from trellis.cli.proxmox import TOKEN_VARIABLE
from trellis.lab import site_files
from trellis.observe.virtual_machines import Card, Machine
from trellis.pve_api import client
from trellis.site import load_site

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path,
    make_api: Callable[..., Api],  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `trellis guests discover` on the homelab, whose Proxmox has the VMs that are given."""
    file, guests = site_files.write(tmp_path, "dev", site_data("homelab")), tmp_path / "vms.json"
    api = make_api("9.1", guests_file=str(guests))
    monkeypatch.setenv(TOKEN_VARIABLE, "root@pam!trellis=secret")

    def get(_: client.Api, path: str, **query: str) -> Any:
        answer = api.raw("GET", path, **query)
        if answer.status_code != 200:
            raise client.ApiProblem(answer.json()["message"], status=answer.status_code)
        return answer.json()["data"]

    def run_it(*words: str, vms: list[Machine] | None = None) -> tuple[int, str, str]:
        guests.write_text(json.dumps(as_simulated(vms or [])))
        monkeypatch.setattr(sys, "argv", ["trellis", "guests", "discover", *words, "--file", str(file)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    monkeypatch.setattr(client.Api, "get", get)
    return run_it


def vms(*more: Machine, **changes: Machine | None) -> list[Machine]:
    return [*machines(*more, **changes).by_vmid.values()]


def test_a_proxmox_as_the_site_says_is_told_so_with_exit_code_0(run: Run) -> None:
    status, out, _ = run(vms=vms())
    assert status == 0
    assert "8 of 8 guests are as declared; 0 network card(s) want an entry" in out
    assert "\x1b" not in out


def test_each_difference_is_told_with_the_path_in_the_site(run: Run) -> None:
    moved = as_declared("debian-test-1", cards=(Card("net0", DEBIAN.mac, "vnet102"),), tags=("tenant102",))
    status, out, _ = run(vms=vms(debian_test_1=moved, solwk03=None))
    assert status == 1
    assert "guests.debian-test-1: vnet: the site says vnet101; Proxmox says vnet102" in out
    assert "guests.debian-test-1: tag: the site says it is of tenant101, vnet101; Proxmox says tenant102" in out
    assert "clusters.sol.nodes.solwk03: there is no VM 1023, and none has a network card bc:24:11:01:01:23" in out
    assert "6 of 8 guests are as declared" in out


def test_a_stranger_gets_an_entry_that_makes_the_next_run_clean(run: Run, tmp_path: Path) -> None:
    there = vms(stranger(1050, name="web", tags=("prod",)), stranger(1060, "vnet200"), stranger(1061, "vnet102"))
    status, out, _ = run(vms=there)
    assert status == 1
    assert "none is needed: its VNet is open to anybody" in out
    assert "none is needed: nobody is heard on its VNet" in out
    assert "  web: {vnet: vnet101, suffix: 1, host: pve01, mac: 'BC:24:11:AA:04:1A', vmid: 1050}" in out
    status, out, err = run("--yaml", vms=there)
    assert (status, err) == (1, "")
    data = site_data("homelab")
    data["guests"] |= yaml.safe_load(out)["guests"]
    load_site(data)
    site_files.write(tmp_path, "dev", data)
    assert run(vms=there)[0] == 0


def test_an_entry_that_the_site_refuses_is_named_with_the_sites_own_reason(run: Run) -> None:
    there = vms(stranger(1050, name="web", node="pve01", cards=(Card("net0", "01:00:5e:00:00:01", "vnet101"),)))
    status, out, _ = run(vms=there)
    assert status == 1
    assert "VM 1050 (web): the site would be refused with it:" in out
    assert 'guests.web.mac: "01:00:5E:00:00:01"' in out
    status, out, err = run("--yaml", vms=there)
    assert (status, out) == (1, "")
    assert err.startswith("trellis: web, VM 1050: the site would be refused with it\nguests.web.mac")


def test_json_has_states_differences_and_proposals(run: Run) -> None:
    gone = as_declared("debian-test-1", node="pve03", running=False)
    told = json.loads(run("--json", vms=vms(stranger(1050, name="web"), debian_test_1=gone))[1])
    assert told["same"] is False
    debian = next(guest for guest in told["guests"] if guest["guest"] == "debian-test-1")
    assert (debian["state"], debian["node"], debian["running"]) == ("as declared", "pve03", False)
    (one,) = told["undeclared"]
    assert (one["card"]["vnet"], one["proposal"]["name"], one["proposal"]["refused"]) == ("vnet101", "web", [])


def test_a_vm_that_proxmox_does_not_tell_of_is_named_and_nothing_is_called_the_same(run: Run) -> None:
    # Its node is none that this Proxmox can ask.
    status, out, _ = run(vms=vms(replace(stranger(1050, name="dark"), node="pve09")))
    assert status == 1
    assert "VM 1050 (dark) on pve09 was not read: hostname lookup 'pve09' failed" in out


def test_without_a_token_or_an_answer_it_says_what_is_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(*_: object, **__: object) -> Any:
        raise client.ApiProblem("GET /cluster/resources: 403: Permission check failed", status=403)

    monkeypatch.setattr(client.Api, "get", get)
    status, out, err = run()
    assert (status, out) == (1, "")
    assert "does not say which VMs there are: GET /cluster/resources: 403: Permission check failed" in err
    assert "VM.Audit on /vms" in err
    monkeypatch.delenv(TOKEN_VARIABLE)
    status, out, err = run()
    assert (status, out) == (2, "")
    assert f"{TOKEN_VARIABLE} holds no token" in err

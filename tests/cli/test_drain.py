"""`trellis drain` and `undrain` on a homelab whose hosts are a real sshd, with a simulated Proxmox behind its API."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ends.sshd import Sshd
from tests.lab.proxmox.conftest import make_api  # noqa: F401 (a fixture)
from tests.lab.proxmox.simulated_cluster import TOKEN, Api
from tests.operations.vms import as_simulated, machines
from tests.remote.conftest import play_agent, served  # noqa: F401 (a fixture)
from tests.sites import site_data
from trellis import remote
from trellis.agent import bundle
from trellis.cli import draining, main
from trellis.cli.proxmox import TOKEN_VARIABLE
from trellis.lab import site_files
from trellis.pve_api import client, migration

Run = Callable[..., tuple[int, str, str]]
HOST = "pve03"
WELL = {
    "at_s": 1.0,
    "forwarded": {"ipv4": 7, "ipv6": 7},
    "sessions": ["10.255.0.1", "10.255.0.254"],
    "adjacent": ["ipv4 10.255.0.1 vmbr1v21"],
    "addresses": ["10.255.0.3", "fe80::3"],
    "through": [],
    "more": 0,
    "committed": "ab" * 32,
    "busy": False,
    "drained": None,
    "frozen": None,
}
NOTICE = {
    "reason": "new disks",
    "owner": "ada",
    "since": "2026-11-29T02:00:00Z",
    "sessions": ["10.255.0.1", "10.255.0.254"],
    "adjacent": ["ipv4 10.255.0.1 vmbr1v21", "ipv4 10.255.9.9 gone0"],
    "moved": ["solcp03", "solwk03"],
}

# Each host answers at an address of its own; what it says lies in a file of that name.
_AGENT = """
cat > /dev/null
set -- $SSH_CONNECTION
case "$COMMAND" in
  transit) cat "$FOLDER/$3" ;;
  check) cat "$FOLDER/same" ;;
  *) echo '{"outcome": "applied", "digest": "ab", "steps": []}' ;;
esac
"""


@pytest.fixture
def vms(tmp_path: Path) -> Path:
    """The VMs of the simulated Proxmox."""
    file = tmp_path / "vms.json"
    file.write_text(json.dumps(as_simulated(machines().by_vmid.values())))
    return file


@pytest.fixture
def run(
    served: Sshd,  # noqa: F811 (the fixture)
    vms: Path,
    tmp_path: Path,
    make_api: Callable[..., Api],  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command there; what a host says differs from all being well by what is given by its name."""
    data, key = site_data("homelab"), " ".join(served.host_key.split()[:2])
    for number, host in enumerate(data["hosts"].values(), start=1):
        host["ssh"] = {"address": f"127.0.0.{number}", "port": served.port, "user": "trellis", "host_key": key}
    file, as_in_the_site = site_files.write(tmp_path, "dev", data), remote.login_of
    monkeypatch.setattr(remote, "login_of", lambda *of: as_in_the_site(*of).as_user(getpass.getuser()))
    monkeypatch.setattr(bundle, "invocation", lambda command: f"sudo -n agent.py {command}")
    monkeypatch.setenv(TOKEN_VARIABLE, "root@pam!trellis=secret")
    for module in (draining, migration):
        monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    play_agent(served, _AGENT)
    (served.folder / "same").write_text('{"same": true}')

    def run_it(*words: str, audit_only: tuple[str, ...] = (), **said: dict[str, Any]) -> tuple[int, str, str]:
        api = make_api("9.1", guests_file=str(vms), audit_only=audit_only)

        def ask(method: str) -> Callable[..., Any]:
            def asked(_: client.Api, path: str, **fields: str) -> Any:
                answer = api.raw(method, path, **fields)
                if answer.status_code != 200:
                    raise client.ApiProblem(answer.json()["message"], status=answer.status_code)
                return answer.json()["data"]

            return asked

        monkeypatch.setattr(client.Api, "get", ask("GET"))
        monkeypatch.setattr(client.Api, "post", ask("POST"))
        for number, name in enumerate(data["hosts"], start=1):
            (served.folder / f"127.0.0.{number}").write_text(json.dumps({**WELL, **said.get(name, {})}))
        identity = str(served.folder / "client_key")
        monkeypatch.setattr(sys, "argv", ["trellis", *words, "--file", str(file), "--identity", identity])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run_it


def places(vms: Path) -> dict[str, str]:
    return {vm["name"]: vm["node"] for vm in json.loads(vms.read_text())}


def asked(served: Sshd) -> list[str]:  # noqa: F811 (no fixture here)
    file = served.folder / "asked"
    return (
        [line for line in file.read_text().splitlines() if "transit" not in line and "check" not in line]
        if file.exists()
        else []
    )


def test_a_host_is_emptied_then_drained_and_what_is_left_is_told(run: Run, vms: Path, served: Sshd) -> None:  # noqa: F811
    status, out, err = run("drain", HOST, "--reason", "new disks", "--owner", "ada", "--yes")
    assert status == 0, err
    assert HOST not in places(vms).values()
    assert "migration finished successfully" in err
    assert asked(served) == ["agent.py drain --reason new disks --owner ada --moved solcp03,solwk03"]
    assert f"{HOST}: drained; it forwards 0 packets/s" in out


def test_a_dry_run_shows_who_would_go_where_and_what_its_absence_means_and_does_nothing(
    run: Run,
    vms: Path,
    served: Sshd,  # noqa: F811 (the fixture)
) -> None:
    before = places(vms)
    status, out, _ = run("drain", HOST, "--dry-run")
    assert (status, places(vms), asked(served)) == (0, before, [])
    assert f"without {HOST}: evpnz1 has 2 of 3 hosts" in out
    status, out, _ = run("drain", HOST, "--dry-run", "--json")
    said = json.loads(out)
    assert (status, said["done"]) == (0, False)
    assert {move["guest"] for move in said["decision"]["moves"]} == {"solcp03", "solwk03"}


def test_a_refusal_says_all_reasons_and_moves_nobody(run: Run, vms: Path, served: Sshd) -> None:  # noqa: F811
    before = places(vms)
    drained = {"drained": NOTICE}
    status, _, err = run("drain", HOST, "--yes", pve01=drained, pve02={"sessions": []})
    assert (status, places(vms), asked(served)) == (2, before, [])
    assert f"{HOST} is not drained, for 4 reasons; nothing was done" in err
    assert "--leave solcp03" in err
    status, _, err = run("drain", "pve09", "--yes")
    assert (status, "the site has no host pve09" in err) == (2, True)


def test_a_host_that_somebody_edited_is_refused_before_anybody_moves(run: Run, vms: Path, served: Sshd) -> None:  # noqa: F811
    (served.folder / "same").write_text('{"same": false}')
    before = places(vms)
    status, _, err = run("drain", HOST, "--yes")
    assert (status, places(vms), asked(served)) == (2, before, [])
    assert f"{HOST} is not as it was deployed" in err


def test_a_token_that_may_not_migrate_is_told_so_before_anything_is_done(
    run: Run,
    vms: Path,
    served: Sshd,  # noqa: F811 (the fixture)
) -> None:
    before = places(vms)
    status, _, err = run("drain", HOST, "--yes", audit_only=(TOKEN,))
    assert (status, places(vms), asked(served)) == (2, before, [])
    assert "may not migrate VMs" in err
    assert "VM.Migrate" in err


def test_without_migration_proxmox_is_not_asked_and_who_stays_is_named(
    run: Run,
    vms: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    before = places(vms)
    status, out, _ = run("drain", HOST, "--no-migrate", "--yes")
    assert (status, places(vms)) == (0, before)
    assert f"{HOST}: what solcp03 sends and gets goes through it" in out


def test_traffic_that_does_not_leave_in_time_is_named_with_its_routes(run: Run) -> None:
    way = {"table": "main", "prefix": "0.0.0.0/0", "by": "10.255.0.3", "others": True}
    status, out, _ = run("drain", HOST, "--yes", "--within-s", "5", pve01={"through": [way]})
    assert status == 1
    assert f"{HOST}: pve01 sends 0.0.0.0/0 by it, and has another way" in out


def test_a_host_that_is_back_takes_its_traffic_and_its_guests_again(run: Run, vms: Path, served: Sshd) -> None:  # noqa: F811
    assert run("drain", HOST, "--yes")[0] == 0
    status, out, err = run("undrain", HOST, "--yes", "--migrate-back", pve03={"drained": NOTICE})
    assert status == 0, err
    assert {name for name, node in places(vms).items() if node == HOST} == {"solcp03", "solwk03"}
    assert asked(served)[-1] == "agent.py undrain"
    assert "solcp03 was moved away, and is back" in out
    status, out, _ = run("undrain", HOST)
    assert (status, f"{HOST} is not drained" in out) == (0, True)


def test_a_host_whose_sessions_are_not_back_stays_drained(run: Run, served: Sshd) -> None:  # noqa: F811
    missing = {"drained": NOTICE, "sessions": ["10.255.0.1"], "adjacent": []}
    status, _, err = run("undrain", HOST, "--yes", "--within-s", "5", pve03=missing)
    assert (status, asked(served)) == (1, [])
    assert "it stays drained: without the session with 10.255.0.254, OSPF's neighbour ipv4 10.255.0.1" in err
    assert "10.255.9.9" not in err.splitlines()[-3]

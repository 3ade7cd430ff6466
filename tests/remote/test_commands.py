"""Commands on hosts as an operator meets them: what is told, what is asked, and what a host that is away changes."""

from __future__ import annotations

import getpass
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ends.sshd import Sshd, free_port
from tests.remote.conftest import play_agent
from tests.sites import site_data
from trellis import remote
from trellis.agent import bundle
from trellis.cli import main
from trellis.lab import site_files

DIGEST = "cd" * 32
NOTHING: dict[str, Any] = {
    "files": {},
    **{kind: [] for kind in ("missing", "unexpected", "daemons", "sysctls", "loopbacks", "firewall", "units")},
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(served: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `trellis` on a site whose pve01 and pve02 are the test's sshd and whose pve03 is away."""
    data, gone = site_data("homelab"), free_port()
    for number, (name, host) in enumerate(data["hosts"].items(), start=1):
        port, key = gone if name == "pve03" else served.port, " ".join(served.host_key.split()[:2])
        host["ssh"] = {"address": f"127.0.0.{number}", "port": port, "user": "trellis", "host_key": key}
    served.folder.with_name("gone").write_text(str(gone))
    file = site_files.write(tmp_path, "dev", data)
    as_in_the_site = remote.login_of
    # A site refuses root, and no other user of this machine can be counted on.
    monkeypatch.setattr(remote, "login_of", lambda *of: as_in_the_site(*of).as_user(getpass.getuser()))
    monkeypatch.setattr(bundle, "invocation", lambda command: f"sudo -n agent.py {command}")

    def run_it(*words: str) -> tuple[int, str, str]:
        key = [] if "--identity" in words else ["--identity", str(served.folder / "client_key")]
        more = ["--file", str(file), *key]
        monkeypatch.setattr(sys, "argv", ["trellis", *words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run_it


def _answers(served: Sshd, status: int = 0, **content: object) -> None:
    """Have the agent answer every command with one document."""
    (served.folder / "answer").write_text(json.dumps({"host": "pve01", **content}))
    play_agent(served, f'cat > "$FOLDER/given"; cat "$FOLDER/answer"; exit {status}')


def _check_answer(**changes: object) -> dict[str, Any]:
    return {"digest": DIGEST, "same": not changes, "lacking": [], "committed": DIGEST, "frozen": None} | {
        "differences": {**NOTHING, **changes}
    }


def _asked(served: Sshd) -> list[str]:
    lines = (served.folder / "asked").read_text().splitlines()
    return [line.removeprefix("agent.py ") for line in lines]


def test_hosts_that_are_as_planned_are_told_so_with_exit_code_0(run: Run, served: Sshd) -> None:
    _answers(served, **_check_answer())
    status, out, _ = run("check", "pve01", "pve02")
    assert status == 0
    assert "2 of 2 hosts are as planned" in out
    assert "\x1b" not in out
    assert _asked(served) == ["check --manifest"] * 2


def test_each_difference_is_named_and_a_host_that_is_away_is_one_that_hides_no_other(run: Run, served: Sshd) -> None:
    differences = {
        "files": {"/etc/frr/daemons": ["content", "mode"]},
        "missing": ["router bgp 65000 > maximum-paths 4"],
        "unexpected": ["ip route 10.9.0.0/16 blackhole"],
        "daemons": ["ospfd"],
        "sysctls": ["net/ipv4/ip_forward = 0, not 1"],
        "firewall": ["table inet trellis is not loaded"],
        "units": ["trellis-firewall.service is not active"],
    }
    _answers(served, 1, **_check_answer(**differences))
    status, out, _ = run("check")
    assert status == 1
    for line in (
        "pve01: running configuration: lacks: router bgp 65000 > maximum-paths 4",
        "pve02: running configuration: has, and should not: ip route 10.9.0.0/16 blackhole",
        "pve01: files: /etc/frr/daemons: content, mode",
        "pve01: daemons: ospfd does not answer",
        "pve01: kernel parameters: net/ipv4/ip_forward = 0, not 1",
        "pve01: firewall: table inet trellis is not loaded",
        "pve01: units: trellis-firewall.service is not active",
        "pve03: host: connect: 127.0.0.3:",
        "0 of 3 hosts are as planned",
    ):
        assert line in out


def test_check_as_json_names_state_and_differences_of_each_host(run: Run, served: Sshd) -> None:
    _answers(served, 1, **_check_answer(daemons=["bgpd"]))
    status, out, _ = run("check", "--json")
    told = json.loads(out)
    assert (status, told["same"]) == (1, False)
    assert [(host["host"], host["state"]) for host in told["hosts"]] == [
        ("pve01", "differs"),
        ("pve02", "differs"),
        ("pve03", "not reached"),
    ]
    assert told["hosts"][0]["differences"] == {"daemons": ["bgpd does not answer"]}


def test_each_host_is_compared_with_its_own_manifest(run: Run, served: Sshd) -> None:
    _answers(served, **_check_answer())
    run("check", "pve02")
    given = json.loads((served.folder / "given").read_text().partition("\n")[2])
    assert (given["host"], given["kind"]) == ("pve02", "pve")


def test_an_agent_that_cannot_compare_is_a_difference_with_its_reason(run: Run, served: Sshd) -> None:
    play_agent(served, 'echo "pve01: show running-config: status 1: no daemon answers; see systemctl" >&2; exit 3')
    status, out, _ = run("check", "pve01")
    assert status == 1
    assert "pve01: host: show running-config: status 1" in out
    assert "not compared" in out


def test_adopt_shows_what_would_go_and_how_to_declare_it(run: Run, served: Sshd) -> None:
    foreign = {"running configuration": ["ip route 10.77.0.0/16 blackhole"], "/etc/radvd.conf": ["interface vmbr0"]}
    _answers(served, committed=None, foreign=foreign, digest=DIGEST, declared=False, replaces=None)
    status, out, _ = run("adopt", "pve01")
    assert status == 1
    assert "  ip route 10.77.0.0/16 blackhole" in out
    assert f"hosts.pve01.replaces: {DIGEST}" in out
    _answers(served, committed=None, foreign=foreign, digest=DIGEST, declared=True, replaces=DIGEST)
    assert run("adopt", "pve01")[0] == 0


def test_history_shows_each_commit_and_which_is_in_force(run: Run, served: Sshd) -> None:
    entries = [
        {"number": 1, "when": "2026-11-21T10:00:00Z", "why": "commit", "digest": DIGEST, "backup": 1},
        {"number": 2, "when": "2026-11-21T11:00:00Z", "why": "rollback 1", "digest": DIGEST, "backup": 2},
    ]
    frozen = {"reason": "INC-7", "owner": "ada", "since": "2026-11-21T11:30:00Z"}
    _answers(served, committed=DIGEST, in_force=2, frozen=frozen, entries=entries)
    status, out, _ = run("history", "pve01")
    assert status == 0
    assert "rollback 1" in out
    assert "in force" in out
    assert "frozen: INC-7 (ada, since 2026-11-21T11:30:00Z)" in out


def test_freeze_asks_every_host_and_one_that_is_away_makes_it_fail(run: Run, served: Sshd) -> None:
    _answers(served, frozen={})
    status, out, err = run("freeze", "pve01", "pve03", "--reason", "it's broken; rm -rf /", "--owner", "ada")
    assert status == 1
    assert "pve01: frozen" in out
    assert "pve03: connect: 127.0.0.3:" in err
    assert _asked(served) == ["freeze --reason it's broken; rm -rf / --owner ada"]  # one word each, past the shell


def test_thaw_asks_every_host(run: Run, served: Sshd) -> None:
    _answers(served, frozen=None, was=None)
    assert run("thaw", "pve01", "pve02")[:2] == (0, "pve01: thawed\npve02: thawed\n")


@pytest.mark.parametrize("command", [("rollback", "pve01", "3"), ("repair", "pve01"), ("release", "pve01")])
def test_a_change_without_anybody_to_ask_wants_to_be_told_yes(run: Run, served: Sshd, command: tuple[str, ...]) -> None:
    _answers(served, entry={"number": 3, "when": "now", "why": "commit", "digest": DIGEST}, would_change=NOTHING)
    status, _, err = run(*command)
    assert status == 2
    assert "add --yes" in err
    asked = served.folder / "asked"
    assert not asked.exists() or not [line for line in _asked(served) if line.startswith(command[0])]


@pytest.mark.parametrize("command", [("rollback", "pve01", "3"), ("repair", "pve01"), ("release", "pve01")])
def test_a_change_tells_its_steps_and_its_end(run: Run, served: Sshd, command: tuple[str, ...]) -> None:
    play_agent(served, 'echo "pve01: reload FRR (0.1 s)" >&2; echo \'{"outcome": "applied"}\'')
    status, out, err = run(*command, "--yes")
    assert status == 0
    assert out.startswith("pve01: ")
    assert "pve01: reload FRR (0.1 s)" in err
    assert _asked(served) == [" ".join([command[0], *command[2:]])]


@pytest.mark.parametrize(
    ("outcome", "agents", "ours", "end"),
    [
        ("refused", 3, 2, "nothing was changed"),
        ("restored", 4, 1, "the host is as it was before"),
        ("broken", 5, 1, "the host is NOT as it was before: it needs somebody now"),
    ],
)
def test_a_change_that_does_not_end_well_names_step_reason_remedy_and_state(
    run: Run, served: Sshd, outcome: str, agents: int, ours: int, end: str
) -> None:
    error = {"what": "this host is frozen", "why": "INC-7 (ada)", "remedy": "ask ada"}
    _answers(served, agents, outcome=outcome, failed_step="frozen", error=error)
    status, _, err = run("repair", "pve01", "--yes")
    assert status == ours
    assert f"pve01: repair: frozen: this host is frozen: INC-7 (ada)\n  remedy: ask ada\n  {end}" in err


@pytest.mark.parametrize(
    "command",
    [
        ("adopt", "pve03"),
        ("history", "pve03"),
        ("rollback", "pve03", "3", "--yes"),
        ("repair", "pve03", "--yes"),
        ("release", "pve03", "--yes"),
        ("freeze", "pve03", "--reason", "x", "--owner", "y"),
        ("thaw", "pve03"),
    ],
)
def test_a_host_that_cannot_be_reached_is_one_clear_error(run: Run, served: Sshd, command: tuple[str, ...]) -> None:
    status, out, err = run(*command)
    assert (status, out) == (1, "")
    assert err.startswith("trellis: pve03: connect: 127.0.0.3:")
    assert "remedy: see whether it is up" in err
    assert "Traceback" not in err
    assert served.connections == 0


def _hang_up(rude: socket.socket) -> None:
    rude.accept()[0].close()


def test_a_host_that_accepts_and_hangs_up_is_one_clear_error_and_no_traceback(run: Run, served: Sshd) -> None:
    with socket.create_server(("127.0.0.3", int(served.folder.with_name("gone").read_text()))) as rude:
        threading.Thread(target=_hang_up, args=(rude,), daemon=True).start()
        status, out, err = run("history", "pve03")
    assert (status, out) == (1, "")
    assert err.startswith("trellis: pve03: connect: 127.0.0.3:")
    assert "Traceback" not in err
    assert logging.getLogger("paramiko").handlers  # without one Python prints what paramiko logs


def test_a_host_that_the_site_does_not_have_is_answered_with_those_it_has(run: Run) -> None:
    status, _, err = run("history", "pve09")
    assert (status, err) == (2, "trellis: the site has no host pve09; it has pve01, pve02, pve03\n")


def test_a_key_that_cannot_be_read_is_named(run: Run) -> None:
    status, _, err = run("thaw", "pve01", "--identity", "/nowhere/key")
    assert (status, "/nowhere/key: No such file" in err) == (2, True)


def test_an_agent_that_is_not_installed_is_answered_with_the_command_that_installs_it(run: Run, served: Sshd) -> None:
    play_agent(served, 'echo "pve01: the agent is not installed here; run \\`trellis install pve01\\`" >&2; exit 3')
    for command in (("history", "pve01"), ("repair", "pve01", "--yes"), ("thaw", "pve01")):
        status, _, err = run(*command)
        assert status == 2
        assert "the agent is not installed here; run `trellis install pve01`" in err

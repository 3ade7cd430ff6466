"""Putting the agent on a host: a real sudo, real users and sshd's rules for keys, in a root of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.conftest import Host, Run
from trellis.agent.bundle import agent_digest, agent_text, invocation
from trellis.agent.install import FOLDER, HOME, OBSERVER, OBSERVER_HOME, SUDOERS
from trellis.agent.itself import AGENT_PATH

pytestmark = pytest.mark.frr

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmFQhyS4XhCYn1kGVNkJpMbbHqQ5Bv9wLhXt0Fp0aaa"
KEYS_FILE = f"{HOME}/.ssh/authorized_keys"
_SENT = "/root/sent.py"


@pytest.fixture
def new_host(bare_host: Host) -> Host:
    """A host without an agent; what was sent to it lies where root can run it."""
    bare_host.frr.run(["rm", "-r", FOLDER])
    bare_host.frr.write(_SENT, agent_text(), 0o600)
    return bare_host


def _sent(host: Host, *arguments: str) -> Run:
    ended = host.frr.run(["python3", "-I", _SENT, *arguments], "", 60)
    return Run(ended.status, json.loads(ended.out) if ended.out else {}, ended.err)


def _install(host: Host, user: str = "trellis", *keys: str) -> Run:
    return _sent(host, "install", "--user", user, *(word for key in keys or (KEY,) for word in ("--key", key)))


def _as_deploy_user(host: Host, text: str, user: str = "trellis") -> Any:
    return host.frr.run(["runuser", "-u", user, "--", "sh", "-c", text], "", 60)


def _modes(host: Host) -> list[str]:
    paths = [AGENT_PATH, FOLDER, HOME, f"{HOME}/.ssh", KEYS_FILE, SUDOERS]
    return host.frr.run(["stat", "-c", "%U:%G %a", *paths]).out.splitlines()


def test_a_new_host_gets_the_agent_its_user_and_the_rule_and_the_user_can_run_it(new_host: Host) -> None:
    run = _install(new_host)
    assert (run.status, run.outcome) == (0, "applied"), run.said
    assert new_host.frr.read(AGENT_PATH) == agent_text()
    assert _modes(new_host) == [
        "root:root 755",
        "root:root 755",
        "root:root 755",
        "root:root 755",
        "root:root 644",
        "root:root 440",
    ]
    assert new_host.frr.read(KEYS_FILE) == f"restrict {KEY} trellis\n"
    asked = _as_deploy_user(new_host, invocation("status"))
    assert asked.status == 0, asked.err
    assert json.loads(asked.out)["committed"] is None


def test_the_deploy_user_may_run_nothing_else_as_root_and_cannot_install(new_host: Host) -> None:
    _install(new_host)
    for command in ("sudo -n id", f"sudo -n python3 {AGENT_PATH} status", f"sudo -n -u frr {AGENT_PATH} status"):
        assert _as_deploy_user(new_host, command).status == 1
    assert _as_deploy_user(new_host, f"echo ssh-rsa A >> {KEYS_FILE}").status != 0
    assert _as_deploy_user(new_host, f"mv {HOME}/.ssh {HOME}/.other").status != 0
    tried = _as_deploy_user(new_host, invocation(f"install --user nobody --key '{KEY}'"))
    assert tried.status == 3
    assert "the deploy user cannot install or remove the agent" in tried.err


def test_the_second_installation_changes_nothing(new_host: Host) -> None:
    _install(new_host)
    before = new_host.frr.path(AGENT_PATH).stat().st_mtime_ns
    again = _install(new_host)
    assert (again.status, again.outcome) == (0, "unchanged"), again.said
    assert new_host.frr.path(AGENT_PATH).stat().st_mtime_ns == before


def test_an_installation_over_an_older_agent_replaces_it_and_only_then_is_the_new_one_served(new_host: Host) -> None:
    _install(new_host)
    new_host.frr.write(AGENT_PATH, agent_text() + "# older\n", 0o755)
    refused = _as_deploy_user(new_host, invocation("status"))
    assert refused.status == 3
    assert "another version of the agent is installed" in refused.err
    assert agent_digest()[:12] in refused.err
    assert _install(new_host).outcome == "applied"
    assert _as_deploy_user(new_host, invocation("status")).status == 0


def test_another_deploy_user_and_key_replace_the_earlier_ones(new_host: Host) -> None:
    _install(new_host)
    other = KEY.replace("0aaa", "0bbb")
    assert _install(new_host, "deploy", other).outcome == "applied"
    assert new_host.frr.read(KEYS_FILE) == f"restrict {other} trellis\n"
    assert _as_deploy_user(new_host, invocation("status"), "deploy").status == 0
    assert new_host.frr.run(["id", "trellis"]).status != 0


@pytest.mark.parametrize(
    ("user", "key", "why"),
    [
        ("root", KEY, "it is root"),
        ("frr", KEY, "was not made by trellis"),
        ("trellis", "-----BEGIN OPENSSH PRIVATE KEY-----", "is none of ssh-ed25519"),
        ("trellis", f'command="id" {KEY}', "is none of ssh-ed25519"),
    ],
)
def test_what_cannot_be_a_deploy_user_or_its_key_is_refused_and_nothing_is_made(
    new_host: Host, user: str, key: str, why: str
) -> None:
    run = _install(new_host, user, key)
    assert (run.status, run.outcome) == (3, "refused")
    assert why in run.why
    assert new_host.frr.run(["ls", FOLDER, SUDOERS]).out == ""
    assert new_host.frr.run(["id", "trellis"]).status != 0


def test_a_sudo_that_does_not_read_our_rule_leaves_nothing_behind(new_host: Host) -> None:
    new_host.frr.run(["sed", "-i", "/includedir/d", "/etc/sudoers"])
    run = _install(new_host)
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "sudo")
    assert "@includedir" in run.report["error"]["remedy"]
    assert not new_host.frr.path(AGENT_PATH).exists()
    assert not new_host.frr.path(SUDOERS).exists()
    assert new_host.frr.run(["id", "trellis"]).status != 0


def test_a_host_without_sudo_names_the_package(new_host: Host) -> None:
    new_host.frr.run(["rm", "/usr/sbin/visudo"])
    run = _install(new_host)
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "deploy user")
    assert run.report["error"]["remedy"] == "apt-get install sudo"


def test_uninstall_takes_all_of_it_away_and_is_content_when_there_is_nothing(new_host: Host) -> None:
    _install(new_host)
    new_host.frr.write("/var/lib/trellis/secrets.json", "{}", 0o600)
    gone = _sent(new_host, "uninstall")
    assert (gone.status, gone.outcome) == (0, "applied"), gone.said
    assert new_host.frr.run(["ls", FOLDER, SUDOERS]).out == ""
    assert new_host.frr.run(["id", "trellis"]).status != 0
    assert not new_host.frr.path("/var/lib/trellis/secrets.json").exists()
    assert _sent(new_host, "uninstall").outcome == "unchanged"


def test_a_change_under_way_holds_an_installation_up(new_host: Host) -> None:
    under_way = json.dumps({"digest": "ab" * 32, "backup": 1, "paths": []})
    new_host.frr.run(["mkdir", "-m", "700", "-p", "/var/lib/trellis"])
    new_host.frr.write("/var/lib/trellis/under-way.json", under_way)
    run = _install(new_host)
    assert (run.status, run.outcome) == (3, "refused")
    assert "neither committed nor taken back" in run.why


def _observing(host: Host, arguments: str) -> Any:
    return _as_deploy_user(host, f"sudo -n {AGENT_PATH} {arguments}", OBSERVER)


def test_who_observes_may_observe_and_nothing_else(new_host: Host) -> None:
    run = _sent(new_host, "install", "--user", "trellis", "--key", KEY, "--observer-key", KEY)
    assert (run.status, run.outcome) == (0, "applied"), run.said
    assert new_host.frr.read(f"{OBSERVER_HOME}/.ssh/authorized_keys") == f"restrict {KEY} trellis\n"
    seen = _as_deploy_user(new_host, invocation("observe --once"), OBSERVER)
    assert seen.status == 0, seen.err
    assert json.loads(seen.out)["whole"] is True
    named = f"--agent {agent_digest()}"
    for command in (
        "status", f"{named} status", f"{named} freeze --reason x --owner observe", f"{named} take-back observe",
        "observe", f"{named} observe; id", f"{named} observe --once commit", f"{named} secrets observe",
    ):  # fmt: skip
        tried = _observing(new_host, f"'{command}'" if ";" in command else command)
        assert (tried.status, tried.out) == (1, ""), command
    assert _as_deploy_user(new_host, "sudo -n id", OBSERVER).status == 1
    again = _sent(new_host, "install", "--user", "trellis")
    assert (again.status, again.outcome) == (0, "unchanged"), again.said
    assert _sent(new_host, "uninstall").outcome == "applied"
    assert new_host.frr.run(["id", OBSERVER]).status != 0
    assert new_host.frr.run(["ls", FOLDER]).out == ""

"""`trellis install`: a real sshd, a packed agent that arrives whole, and what an operator is told when it can't."""

from __future__ import annotations

import getpass
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command_line import trellis
from tests.ends.sshd import Sshd, start_sshd, stop
from tests.sites import site_data
from trellis.agent.bundle import agent_digest, agent_text
from trellis.cli.console import Mistake
from trellis.cli.install import _public_keys
from trellis.lab import site_files

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmFQhyS4XhCYn1kGVNkJpMbbHqQ5Bv9wLhXt0Fp0aaa"

# Plays the host's python3: unpacks what comes, as the real one, and keeps what it is then told to run instead.
_PYTHON = """#!/bin/sh
if [ "$2" = -c ]; then exec /usr/bin/python3 "$@"; fi
cp "$2" {folder}/agent.py
shift 2
echo "$@" > {folder}/arguments
cat {folder}/answer
exit $(cat {folder}/status)
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Sshd]:
    """A host whose python3 is a stand-in: nothing is installed on this machine."""
    folder = tmp_path / "host"
    # A login shell may read a .bashrc that finds this machine's own python3 first.
    server = start_sshd(folder, f"ForceCommand {folder}/shell\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3")
    (folder / "bin").mkdir()
    texts = {
        "shell": f'#!/bin/sh\nPATH={folder}/bin:/usr/bin:/bin exec sh -c "$SSH_ORIGINAL_COMMAND"\n',
        "bin/python3": _PYTHON.format(folder=folder),
        "bin/sudo": '#!/bin/sh\nshift; exec "$@"\n',  # for somebody who is not root by name
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    _answers(server, "applied", 0)
    yield server
    stop(server.process)


def _answers(host: Sshd, outcome: str, status: int, **more: object) -> None:
    report = {"host": "pve01", "digest": agent_digest(), "outcome": outcome, **more}
    (host.folder / "answer").write_text(json.dumps(report))
    (host.folder / "status").write_text(str(status))


def _stack_file(tmp_path: Path, host: Sshd) -> Path:
    data = site_data("homelab")
    for number, entry in enumerate(data["hosts"].values(), start=1):
        entry["ssh"] = {
            "address": f"127.0.0.{number}",
            "port": host.port,
            "host_key": " ".join(host.host_key.split()[:2]),
        }
    return site_files.write(tmp_path, "dev", data)


def _trellis(tmp_path: Path, host: Sshd, *words: str) -> subprocess.CompletedProcess[str]:
    file, identity = _stack_file(tmp_path, host), host.folder / "client_key"
    more = ["--file", str(file), "--identity", str(identity), "--as-root-user", getpass.getuser()]
    return trellis(*words, *more)


def test_a_host_gets_the_whole_agent_on_standard_input_with_its_user_and_key(tmp_path: Path, host: Sshd) -> None:
    (tmp_path / "deploy.pub").write_text(f"{KEY} ci@example\n")
    done = _trellis(tmp_path, host, "install", "pve01", "--deploy-key", str(tmp_path / "deploy.pub"))
    assert (done.returncode, done.stdout) == (0, f"pve01: done; agent {agent_digest()[:12]}\n"), done.stderr
    assert (host.folder / "agent.py").read_text() == agent_text()
    assert (host.folder / "arguments").read_text() == f"install --user trellis --key {KEY}\n"


def test_an_upgrade_names_no_key_and_leaves_nothing_of_the_agent_lying_about(tmp_path: Path, host: Sshd) -> None:
    _answers(host, "unchanged", 0)
    done = _trellis(tmp_path, host, "install", "pve01")
    assert (done.returncode, done.stdout) == (0, f"pve01: nothing to do; agent {agent_digest()[:12]}\n")
    assert (host.folder / "arguments").read_text() == "install --user trellis\n"


def test_each_host_is_done_although_another_failed_and_the_exit_code_is_1(tmp_path: Path, host: Sshd) -> None:
    error = {"what": "the rule for sudo", "why": "line 3", "remedy": "mend it"}
    _answers(host, "restored", 4, failed_step="check sudoers", error=error)
    done = _trellis(tmp_path, host, "install", "--json")
    assert done.returncode == 1
    assert {name: entry["status"] for name, entry in json.loads(done.stdout).items()} == {
        "pve01": 4,
        "pve02": 4,
        "pve03": 4,
    }
    assert "pve02: check sudoers: the rule for sudo: line 3; mend it (restored)" in done.stderr


def test_uninstall_wants_its_hosts_named(tmp_path: Path, host: Sshd) -> None:
    assert _trellis(tmp_path, host, "uninstall").returncode == 2
    assert _trellis(tmp_path, host, "uninstall", "pve02").returncode == 0
    assert (host.folder / "arguments").read_text() == "uninstall\n"


def test_a_host_that_is_none_of_the_site_is_refused_before_anything_is_dialled(tmp_path: Path, host: Sshd) -> None:
    done = _trellis(tmp_path, host, "install", "pve09")
    assert (done.returncode, host.connections) == (2, 0)
    assert "the site has no host pve09; it has pve01, pve02, pve03" in done.stderr


def test_another_host_key_than_the_pinned_one_gets_nothing(tmp_path: Path, host: Sshd) -> None:
    file = _stack_file(tmp_path, host)
    file.write_text(file.read_text().replace(host.host_key.split()[1], host.another_host_key.split()[1]))
    identity = ["--identity", str(host.folder / "client_key"), "--as-root-user", getpass.getuser()]
    done = trellis("install", "pve01", "--file", str(file), *identity)
    assert done.returncode == 1
    assert "pve01: host key" in done.stderr
    assert not (host.folder / "agent.py").exists()


def test_a_list_of_public_keys_is_read_without_comments_and_a_private_key_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# the pipeline's\n{KEY} ci@example with words\n\n{KEY.replace('0aaa', '0bbb')}\n")
    assert _public_keys(file) == [KEY, KEY.replace("0aaa", "0bbb")]
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")
    with pytest.raises(Mistake) as mistake:
        _public_keys(file)
    assert "secret" not in str(mistake.value)

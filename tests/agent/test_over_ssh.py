"""The ways back from an operator's side: real sshd, real sudo, the deploy user, and the real agent on real FRR.

The commands are `trellis` itself, run in the scratch host's network; what each of them does there is judged in
``test_ways_back``, and what is told when something fails in ``tests/remote``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import BASE, Host
from tests.agent.documents import document
from tests.sites import REPOSITORY, site_data
from trellis.agent.bundle import AGENT_PATH
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference
from trellis.lab import site_files

pytestmark = pytest.mark.frr

MORE = [*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]
_DEPLOY = """
import sys, json
from trellis.cli.hosts import logins
from trellis.cli.stack import read_site
from pathlib import Path
from trellis.remote import transact
login = logins(read_site("dev", Path(sys.argv[1])), ["pve01"], None)[0]
done = transact(login, "commit", sys.stdin.read())
print(json.dumps([done.status, done.confirmations, done.report.get("outcome")]))
"""


@dataclass(frozen=True)
class Operator:
    """Somebody with the deploy user's key and a stack file, who reaches the host."""

    host: Host
    folder: Path

    def python(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        into = ["nsenter", "--target", str(self.host.frr._pid), "--net", "--"]
        environment = {**os.environ, "TRELLIS_SSH_KEY": (self.folder / "deploy").read_text(), "SSH_AUTH_SOCK": ""}
        command = [*into, sys.executable, *arguments]
        streams = {"input": stdin, "text": True, "capture_output": True}
        return subprocess.run(command, cwd=REPOSITORY, env=environment, timeout=180, check=False, **streams)

    def trellis(self, *words: str) -> subprocess.CompletedProcess[str]:
        program = "from trellis.cli import main; main()"
        return self.python("-c", program, *words, "--file", str(self.folder / "Pulumi.dev.yaml"))

    def deploy(self, config: list[str]) -> list[Any]:
        text = json.dumps(sealed(document(config, confirm_within_s=30)))
        done = self.python("-c", _DEPLOY, str(self.folder / "Pulumi.dev.yaml"), stdin=text)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def operator(bare_host: Host, tmp_path: Path) -> Operator:
    """An operator of a host on which the agent was installed as `trellis install` does it."""
    frr = bare_host.frr
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "deploy"], check=True)
    public = (tmp_path / "deploy.pub").read_text().split()[:2]
    installed = bare_host.agent("install", "--user", "trellis", "--key", " ".join(public))
    assert installed.status == 0, installed.said
    ready = "ip link set lo up; mkdir -p /run/sshd; ssh-keygen -A; /usr/sbin/sshd -o LogLevel=VERBOSE -E /run/sshd.log"
    assert frr.run(["bash", "-c", ready]).status == 0
    host_key = " ".join(frr.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    data = site_data("homelab")
    data["hosts"]["pve01"]["ssh"] = {"address": "127.0.0.1", "user": "trellis", "host_key": host_key}
    site_files.write(tmp_path, "dev", data)
    return Operator(bare_host, tmp_path)


def test_a_host_is_deployed_rolled_back_repaired_frozen_and_released_by_its_deploy_user(operator: Operator) -> None:
    host = operator.host
    before = host.frr.running_config()
    assert operator.deploy(BASE) == [0, 1, "applied"]
    assert operator.deploy(MORE) == [0, 1, "applied"]

    told = json.loads(operator.trellis("history", "pve01", "--json").stdout)
    assert ([entry["number"] for entry in told["entries"]], told["in_force"]) == ([1, 2], 2)
    assert "has, and should not: ip route 10.9.0.0/16 blackhole" in operator.trellis("history", "pve01", "1").stdout

    done = operator.trellis("rollback", "pve01", "1", "--yes")
    assert (done.returncode, done.stdout) == (0, "pve01: commit 1 is in force again\n"), done.stderr
    assert difference("\n".join(BASE), host.frr.running_config()) == ([], [])

    host.frr.vtysh("configure", "ip route 10.66.0.0/16 blackhole")
    done = operator.trellis("repair", "pve01", "--yes")
    assert (done.returncode, done.stdout) == (0, "pve01: what was deployed last is in force\n"), done.stderr

    assert operator.trellis("freeze", "pve01", "--reason", "it's INC-7", "--owner", "ada").returncode == 0
    done = operator.trellis("release", "pve01", "--yes")
    assert done.returncode == 2
    assert "it's INC-7 (ada, since 2" in done.stderr
    assert operator.trellis("thaw", "pve01").returncode == 0

    done = operator.trellis("release", "pve01", "--yes")
    assert (done.returncode, done.stdout) == (0, "pve01: it has again what it had before the first deploy\n"), (
        done.stderr
    )
    assert difference(before, host.frr.running_config()) == ([], [])
    assert host.frr.path(AGENT_PATH).exists()


def test_check_and_adopt_tell_what_a_host_has_that_the_plan_has_not(operator: Operator) -> None:
    operator.host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    checked = operator.trellis("check", "pve01")
    assert checked.returncode == 1
    assert "pve01: running configuration: has, and should not: ip route 10.77.0.0/16 blackhole" in checked.stdout
    assert "pve01: files: /etc/frr/frr.conf.local: missing" in checked.stdout
    assert "pve01: devices: " in checked.stdout
    adopted = operator.trellis("adopt", "pve01", "--json")
    assert adopted.returncode == 1, adopted.stderr
    assert json.loads(adopted.stdout)["foreign"] == {"running configuration": ["ip route 10.77.0.0/16 blackhole"]}


def test_a_change_after_which_nobody_gets_in_any_more_is_taken_back(operator: Operator) -> None:
    assert operator.deploy(BASE) == [0, 1, "applied"]
    before = operator.host.config()
    # As a change that cuts off management: from the reload on nobody new is let in.
    operator.host.on_reload("[ -e /run/cut ] || { touch /run/cut; pkill -o -x sshd; }")
    text = json.dumps(sealed(document(MORE, confirm_within_s=6)))
    done = operator.python("-c", _DEPLOY, str(operator.folder / "Pulumi.dev.yaml"), stdin=text)
    status, confirmations, outcome = json.loads(done.stdout)
    assert (status, outcome) == (4, "restored")
    assert confirmations > 1
    assert operator.host.config() == before


def test_a_backup_of_a_host_is_restored_to_it_by_its_deploy_user_and_a_spoiled_one_is_not(operator: Operator) -> None:
    host, file = operator.host, operator.folder / "fabric.trellis-backup"
    assert operator.deploy(MORE) == [0, 1, "applied"]
    kept = operator.trellis("backup", "--output", str(file))
    # The other two hosts of the site are not there.
    assert kept.returncode == 1
    assert f"{file}: 1 of 3 hosts" in kept.stdout, kept.stderr
    assert operator.deploy(BASE) == [0, 1, "applied"]

    shown = operator.trellis("restore", str(file), "--dry-run")
    assert shown.returncode == 1
    assert "running configuration: lacks: ip route 10.9.0.0/16 blackhole" in shown.stdout, shown.stderr
    assert difference("\n".join(BASE), host.frr.running_config()) == ([], [])

    text = file.read_text()
    file.write_text(text.replace("10.9.0.0/16", "10.8.0.0/16"))
    refused = operator.trellis("restore", str(file), "--yes")
    assert (refused.returncode, "edited or damaged" in refused.stderr) == (2, True)

    file.write_text(text)
    done = operator.trellis("restore", str(file), "--yes")
    assert done.returncode == 0, done.stderr
    assert "pve01: applied" in done.stdout
    assert "The site gives pve01 something else than the backup has." in done.stdout
    assert difference("\n".join(MORE), host.frr.running_config()) == ([], [])
    again = operator.trellis("restore", str(file), "--yes", "--json")
    assert [one["state"] for one in json.loads(again.stdout)["hosts"]] == ["unchanged"]

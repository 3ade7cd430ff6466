"""The program's key on a host of the lab: it runs the agent that was installed, and opens nothing else."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.lab.main_job.standing import say
from trellis.agent.bundle import agent_digest, invocation
from trellis.agent.itself import AGENT_PATH
from trellis.lab import command_line, from_site, network
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]

HOST = "pve02"


def as_program(dev: Twin, command: str, user: str = "trellis", *options: str) -> subprocess.CompletedProcess[str]:
    """A command on the host over its own sshd, with the program's key."""
    inside = ["ip", "netns", "exec", network.namespace_of(dev.stack, from_site.CONTROLLER)]
    known = dev.lab.state / "keys" / "known_hosts"
    words = ["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}", *options]
    address = from_site.ssh_address(dev.site, HOST)
    argv = [*inside, "ssh", "-F", "none", "-i", str(dev.lab.program_key), *words, f"{user}@{address}", command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_the_program_s_key_runs_the_agent_and_lets_nobody_be_root(dev: Twin) -> None:
    asked = as_program(dev, invocation("status"))
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["committed"]["digest"]
    assert as_program(dev, "true", "root").returncode == 255
    for command in ("sudo -n id", "sudo -n sh", f"sudo -n python3 {AGENT_PATH} status", "cat /etc/frr/frr.conf.local"):
        refused = as_program(dev, command)
        assert refused.returncode != 0, command
        assert refused.stdout == "", command


def test_the_program_s_key_forwards_nothing_and_gets_no_terminal(dev: Twin) -> None:
    assert "PTY allocation request failed" in as_program(dev, "tty", "trellis", "-tt").stderr
    forwarded = as_program(dev, "true", "trellis", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22")
    assert forwarded.returncode == 255


def test_a_host_with_another_agent_refuses_until_it_is_installed_again(dev: Twin) -> None:
    dev.lab.access.run(HOST, f"echo '# older' >> {AGENT_PATH}")
    try:
        refused = as_program(dev, invocation("status"))
        assert refused.returncode == 3
        assert f"run `trellis install {HOST}`" in refused.stderr
    finally:
        (dev.lab.machine(HOST).disk / "installed").unlink()
        command_line.install(dev, say)
    assert as_program(dev, invocation("status")).returncode == 0
    held = dev.lab.access.run(HOST, f"sha256sum {AGENT_PATH}").stdout.split()[0]
    assert held == agent_digest()


def test_units_that_guard_a_host_are_up_and_enabled(dev: Twin) -> None:
    said = dev.lab.access.run(HOST, "systemctl is-active trellis-guard.path trellis-guard.timer").stdout.split()
    assert said == ["active", "active"]
    units = "trellis-guard.path trellis-guard.timer trellis-recover.service"
    assert set(dev.lab.access.run(HOST, f"systemctl is-enabled {units}").stdout.split()) == {"enabled"}

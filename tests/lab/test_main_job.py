"""The main job on the lab: a typed site becomes a converged fabric of real FRR, applied by the real engine.

One lab serves all tests here, in the order in which they stand; each leaves it converged.
"""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trellis.lab import main_job, network, twin
from trellis.lab.deployment import DeploymentError
from trellis.lab.main_job import Outcome
from trellis.lab.proof import Row, compare, sessions, wait_until_converged
from trellis.lab.twin import Twin
from trellis.site import site_data_of_stack

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
STACK = "test"


def say(text: str) -> None:
    print(text, flush=True)


@pytest.fixture(scope="module")
def site_data() -> dict[str, Any]:
    return site_data_of_stack((REPOSITORY / "Pulumi.dev.yaml").read_text())


@pytest.fixture(scope="module")
def first(site_data: dict[str, Any]) -> Iterator[Outcome]:
    """The first run of the main job; its lab is gone when the module ends."""
    twin.down(STACK, say)
    try:
        yield main_job.run(STACK, REPOSITORY, site_data, say)
    finally:
        twin.down(STACK, say)


@pytest.fixture
def dev(first: Outcome, site_data: dict[str, Any]) -> Twin:
    return twin.find(STACK, REPOSITORY, site_data, say)


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [f"{row.group}: {row.name}: expected {row.expected}, saw {row.seen}" for row in rows if row.fails]


def agent_differences(dev: Twin, host: str) -> dict[str, Any]:
    """What the agent's own comparison with the last commit lists on a host."""
    answer = dev.lab.access.run(host, "python3 /usr/local/lib/trellis/agent.py check", check=False)
    differences: dict[str, Any] = json.loads(answer.stdout)["differences"]
    return {what: found for what, found in differences.items() if found}


def await_sessions_back(dev: Twin) -> None:
    dev.start_guests(say)
    wait_until_converged(dev, say, main_job.CONVERGED_WITHIN_S)


def test_every_row_of_the_proof_holds(first: Outcome) -> None:
    assert failing(first.rows) == []
    assert len(first.rows) > 50
    assert first.applied.changes["create"] == first.preview.changes["create"]


def test_a_second_run_applies_nothing_and_logs_in_to_no_host(first: Outcome, site_data: dict[str, Any]) -> None:
    second = main_job.run(STACK, REPOSITORY, site_data, say)
    assert second.applied.unchanged
    assert second.preview.unchanged
    assert second.logins == 0
    assert second.resets == ()
    assert failing(second.rows) == []


def test_the_repositorys_own_files_are_not_rewritten(first: Outcome) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        assert subprocess.run(["git", "diff", "--quiet", "--", name], cwd=REPOSITORY, check=False).returncode == 0
    assert not (REPOSITORY / f"Pulumi.{STACK}.yaml").exists()


def test_an_sdn_apply_by_somebody_else_leaves_configuration_and_sessions_as_they_were(dev: Twin) -> None:
    """Incidents I1 and I2: Proxmox regenerates frr.conf and the daemons file on every node."""
    before = sessions(dev)
    token = (dev.lab.state / "keys" / "proxmox-token").read_text()
    assert dev.site.proxmox is not None
    inside = ["ip", "netns", "exec", network.namespace_of(STACK, "controller")]
    answer = subprocess.run(
        [
            *inside,
            "curl",
            "--silent",
            "--fail",
            "--cacert",
            str(dev.lab.state / "proxmox" / "ca.pem"),
            "--header",
            f"Authorization: PVEAPIToken=trellis@pve!lab={token}",
            "--request",
            "PUT",
            f"{dev.site.proxmox.endpoint}/api2/json/cluster/sdn",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    node, task = "pve01", json.loads(answer.stdout)["data"]
    assert task.startswith(f"UPID:{node}:")
    time.sleep(15)
    for host in dev.site.hosts:
        assert agent_differences(dev, host) == {}
    changes = compare(before, sessions(dev))
    assert (changes.reset, changes.gone) == ((), ())


def test_a_host_that_loses_power_comes_back_with_the_intended_configuration(dev: Twin) -> None:
    """Incidents I1 and I2: what runs after a boot is what was intended, without the program being run again."""
    machine = dev.lab.machine("pve02")
    machine.power_cut()
    machine.power_on()
    machine.wait_until_booted(time.monotonic() + 120)
    await_sessions_back(dev)
    assert agent_differences(dev, "pve02") == {}


def test_a_guest_added_changes_its_hosts_alone_and_resets_no_other_session(
    first: Outcome, site_data: dict[str, Any]
) -> None:
    changed = copy.deepcopy(site_data)
    changed["guests"]["debian-test-2"] = {
        "vnet": "vnet101",
        "suffix": 7,
        "host": "pve02",
        "mac": "BC:24:11:01:01:07",
    }
    outcome = main_job.run(STACK, REPOSITORY, changed, say)
    commands = {step.name: step.op for step in outcome.preview.steps if step.type == "command:remote:Command"}
    assert commands == {"pve01-commit": "update", "pve02-commit": "update", "pve03-commit": "update"}
    created = {step.name for step in outcome.preview.steps if step.op == "create"}
    assert created == {"debian-test-2"}
    added = [line.strip() for line in outcome.preview.diff.splitlines() if line.strip().startswith("+ ")]
    assert any("neighbor fd00:101::7 remote-as 4200101007" in line for line in added)
    assert any("route-map TL-G-debian-test-2-IN permit 1" in line for line in added)
    assert outcome.resets == ()
    assert failing(outcome.rows) == []


def test_a_host_that_cannot_be_reached_is_named_and_the_others_keep_what_they_run(
    dev: Twin, site_data: dict[str, Any]
) -> None:
    network.set_link(dev.lab.topology, "pve03", "vmbr0.10", up=False)
    try:
        changed = copy.deepcopy(site_data)
        changed["fabric"]["keepalive_s"] = 9
        unreachable = twin.find(STACK, REPOSITORY, changed, say)
        with pytest.raises(DeploymentError, match="pve03"):
            unreachable.deploy("up", say)
        for host in ("pve01", "pve02"):
            assert agent_differences(dev, host) == {}
    finally:
        network.set_link(dev.lab.topology, "pve03", "vmbr0.10", up=True)
    dev.deploy("up", say)
    await_sessions_back(dev)
    for host in dev.site.hosts:
        assert agent_differences(dev, host) == {}

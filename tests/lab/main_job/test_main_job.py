"""The main job on the lab: a typed site becomes a converged fabric of real FRR, applied by the real engine.

What others do to the hosts stands in `test_scenarios`, a host without power in `test_power`.
"""

from __future__ import annotations

import copy
import subprocess
from typing import Any

import pytest

from tests.lab.main_job.standing import REPOSITORY, STACK, agent_differences, await_sessions_back, failing, say
from trellis.lab import main_job, network, twin
from trellis.lab.deployment import DeploymentError
from trellis.lab.main_job import Outcome
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]


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
    assert commands == {f"{host}-{what}": "update" for host in site_data["hosts"] for what in ("commit", "confirm")}
    created = {step.name for step in outcome.preview.steps if step.op == "create"}
    assert created == {"debian-test-2"}
    added = [line.strip() for line in outcome.preview.diff.splitlines() if line.strip().startswith("+ ")]
    assert any("neighbor fd00:101::7 remote-as 4200101007" in line for line in added)
    assert any("route-map TL-G-debian-test-2-IN permit 1" in line for line in added)
    assert outcome.resets == ()
    assert failing(outcome.rows) == []


@pytest.mark.scenario
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

"""The whole program on the real engine and a fleet of stand-in hosts: order, confirmation, failures, and what follows.

A host here speaks the agent's protocol and configures nothing (`tests/engine/fake_agent.py`); the lab has real ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.fleet import Fleet, wait_until
from trellis.engine import Engine
from trellis.lab.deployment import DeploymentError, Result, request_to_json
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine


@pytest.fixture
def fleet(engine: Engine, provider_plugins: Plugins, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engine, provider_plugins)
    made.add("a", "b", "c")
    yield made
    made.stop()


def commands(result: Result, op: str) -> list[str]:
    return sorted(step.name for step in result.steps if step.op == op and "Command" in step.type)


def problems(error: DeploymentError) -> dict[str, str]:
    return {problem.name: problem.message for problem in error.problems if problem.name}


def test_a_fleets_whole_life(fleet: Fleet) -> None:
    preview = fleet.run("preview", fleet.site({}))
    assert commands(preview, "create") == [
        f"{host}-{part}" for host in "abc" for part in ("commit", "confirm", "ready")
    ]
    assert set(fleet.logins().values()) == {0}

    up = fleet.run("up", fleet.site({}))
    assert len(commands(up, "create")) == 9
    assert fleet.in_force()
    hosts = fleet.hosts
    assert hosts["a"].at("committed") < hosts["b"].at("commit") < hosts["b"].at("committed") < hosts["c"].at("commit")
    again = [name for name, host in hosts.items() if sum("confirm" in entry for entry in host.done) == 2]
    for host in hosts.values():
        assert host.at("confirm") > host.at("awaiting"), "the confirmation that counts is newer than the change"
        told = [entry["from"] for entry in host.done if entry.keys() & {"prepare", "commit", "confirm"}]
        assert len(set(told)) == len(told), "each command comes over a connection of its own"
    assert [line for line in fleet.said if "retrying create" in line] == [
        f"{name}-confirm: retrying create due to on-error hook request (1/100)" for name in again
    ]

    logins = fleet.logins()
    assert fleet.run("up", fleet.site({})).unchanged
    assert fleet.logins() == logins, "nothing to do: no host is even connected to"

    only_b = fleet.site({}, b={"frr_version": "10.7"})
    preview = fleet.run("preview", only_b)
    assert commands(preview, "update") == ["b-commit", "b-confirm"]
    assert '"frr_version": "10.7"' in preview.diff, "a preview shows the lines that change on each host"
    fleet.run("up", only_b)
    more = {name: fleet.logins()[name] - logins[name] for name in hosts}
    assert (more["a"], more["b"] in (2, 3), more["c"]) == (0, True, 0), "and only that host is connected to"

    logins = fleet.logins()
    fleet.run("destroy", only_b)
    assert fleet.logins() == logins
    assert fleet.in_force(), "routing stays when the stack goes"


def test_the_first_failure_stops_the_run_and_what_is_done_is_kept(fleet: Fleet) -> None:
    fleet.hosts["b"].tell("fail", "bgpd does not answer")
    with pytest.raises(DeploymentError) as raised:
        fleet.run("up", fleet.site({}))
    said = problems(raised.value)
    assert {"b-commit"} <= said.keys() <= {"b-commit", "b-confirm"}
    assert said["b-commit"].endswith("b: bgpd does not answer; everything is as it was")
    assert (fleet.hosts["a"].read("committed") != "", fleet.hosts["c"].commits()) == (True, 0)

    fleet.hosts["b"].tell("fail", "")
    done = fleet.run("up", fleet.site({}))
    assert commands(done, "create") == ["b-commit", "b-confirm", "c-commit", "c-confirm"]
    assert fleet.in_force()
    assert fleet.hosts["a"].commits() == 1, "what was done is not done again"


def test_a_host_that_nobody_gets_into_any_more_is_not_called_done_and_the_next_run_converges(fleet: Fleet) -> None:
    host = fleet.hosts["b"]
    host.cut_off_when_applied()
    with pytest.raises(DeploymentError) as raised:
        fleet.run("up", fleet.site({"confirm_within_s": 10}))
    said = problems(raised.value)
    assert "b: no confirmation came; everything is as it was" in said["b-commit"]
    assert host.read("committed") == host.read("running") == ""
    assert fleet.hosts["c"].commits() == 0

    host.come_back()
    done = fleet.run("up", fleet.site({"confirm_within_s": 10}))
    assert commands(done, "create") == ["b-commit", "b-confirm", "c-commit", "c-confirm"]
    assert fleet.in_force()


def test_with_roll_back_one_failing_host_leaves_no_host_changed(fleet: Fleet) -> None:
    policy = {"on_failure": "roll_back", "confirm_within_s": 10}
    fleet.run("up", fleet.site(policy))
    assert fleet.in_force()
    confirmed = [host.at("confirm") for host in fleet.hosts.values()]
    assert min(confirmed) > max(host.at("awaiting") for host in fleet.hosts.values()), "all applied before any confirm"
    before = {name: host.read("running") for name, host in fleet.hosts.items()}

    fleet.hosts["c"].tell("fail", "zebra crashed")
    changed = fleet.site(policy, **{name: {"frr_version": "10.7"} for name in "abc"})
    with pytest.raises(DeploymentError) as raised:
        fleet.run("up", changed)
    said = problems(raised.value)
    assert said["c-commit"].endswith("c: zebra crashed; everything is as it was")
    withheld = "{} is not confirmed and takes its change back: c failed (rollout.on_failure is roll_back)"
    assert [withheld.format(name) in said[f"{name}-confirm"] for name in "ab"] == [True, True]
    assert {name: host.read("running") for name, host in fleet.hosts.items()} == before

    fleet.hosts["c"].tell("fail", "")
    assert len(commands(fleet.run("up", changed), "update")) == 6, "no state said done"
    assert fleet.in_force()
    only_b = fleet.site(policy, a={"frr_version": "10.7"}, c={"frr_version": "10.7"})
    assert commands(fleet.run("up", only_b), "update") == ["b-commit", "b-confirm"], (
        "hosts without a change hold nobody up"
    )


def test_with_roll_back_no_host_is_touched_after_one_has_failed(fleet: Fleet) -> None:
    fleet.hosts["a"].tell("fail", "bgpd does not answer")
    with pytest.raises(DeploymentError) as raised:
        fleet.run("up", fleet.site({"on_failure": "roll_back", "confirm_within_s": 10}))
    said = problems(raised.value)
    assert "b is not touched: a failed (rollout.on_failure is roll_back)" in said["b-commit"]
    assert [fleet.hosts[name].commits() for name in "abc"] == [1, 0, 0]


def test_too_few_operations_at_once_are_refused_before_any_host_is_touched(fleet: Fleet) -> None:
    for operation in ("preview", "up"):
        with pytest.raises(DeploymentError, match="--parallel 1 is too few, nothing was changed"):
            fleet.run(operation, fleet.site({}), parallel=1)
    with pytest.raises(DeploymentError, match="run with --parallel 6 or more"):
        fleet.run("up", fleet.site({"on_failure": "roll_back"}), parallel=5)
    assert set(fleet.logins().values()) == {0}
    fleet.run("up", fleet.site({}), parallel=2)
    assert fleet.in_force()


def test_a_host_in_maintenance_is_left_alone_until_that_ends(fleet: Fleet) -> None:
    fleet.run("up", fleet.site({}))
    logins = fleet.logins()
    everywhere = {name: {"frr_version": "10.7"} for name in "abc"}
    everywhere["b"]["maintenance"] = "new disks"
    preview = fleet.run("preview", fleet.site({}, **everywhere))
    assert commands(preview, "update") == ["a-commit", "a-confirm", "c-commit", "c-confirm"]
    told = "b is in maintenance and left out, nothing is sent to it: new disks"
    assert told in fleet.said
    fleet.run("up", fleet.site({}, **everywhere))
    assert told in fleet.said
    assert {name: fleet.logins()[name] > logins[name] for name in "abc"} == {"a": True, "b": False, "c": True}

    del everywhere["b"]["maintenance"]
    back = fleet.run("up", fleet.site({}, **everywhere))
    assert commands(back, "create") == ["b-commit", "b-confirm", "b-ready"]
    assert fleet.in_force()


def start(fleet: Fleet) -> subprocess.Popen[str]:
    """Start `up` in a process group of its own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "trellis.lab.program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # What a shell starts with `&` ignores SIGINT, and so would everything below it, these tests among them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads here)
    )
    assert child.stdin is not None
    with child.stdin:
        child.stdin.write(request_to_json(fleet.request("up", fleet.site({}))))
    return child


def test_a_program_that_is_killed_in_mid_fleet_is_taken_up_by_the_next_run(fleet: Fleet) -> None:
    host = fleet.hosts["b"]
    host.tell("slow", "2")
    host.tell("within", "2")
    child = start(fleet)
    wait_until(lambda: host.commits() == 1)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    wait_until(lambda: any("failed" in entry for entry in host.done))
    assert host.read("running") == "", "nobody confirmed it"
    host.tell("slow", "")
    done = fleet.run("up", fleet.site({}))
    assert commands(done, "create") == ["b-commit", "b-confirm", "c-commit", "c-confirm"]
    assert fleet.in_force()


def test_an_interrupted_run_finishes_the_host_that_it_is_at_and_touches_no_other(fleet: Fleet) -> None:
    host = fleet.hosts["b"]
    host.tell("slow", "4")
    child = start(fleet)
    wait_until(lambda: host.commits() == 1 and any("confirm" in entry for entry in host.done))
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(timeout=60) == 1
    assert host.read("committed") == host.read("running") != ""
    assert fleet.hosts["c"].commits() == 0
    host.tell("slow", "")
    assert commands(fleet.run("up", fleet.site({})), "create") == ["c-commit", "c-confirm"]
    assert fleet.in_force()

"""`trellis prefixes sync`, as a user runs it: over real TLS to the lab's RouterOS; the engine notes its call."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.stack_of_edge import OTHER, VNETS, Stack
from tests.routeros.conftest import edge  # noqa: F401 (a fixture)
from tests.routeros.edge import failing, with_pool
from trellis.lab.routeros import Served
from trellis.observe.sync_request import SyncRequests

ENGINE = """#!/bin/sh
[ "$1" = version ] && { echo v3.300.0; exit 0; }
{ pwd; echo "$@"; cat Prefixes.home.yaml; } > calls
echo "Updating (home)"
exit "$(cat status)"
"""


@pytest.fixture
def stack(tmp_path: Path, edge: Served, monkeypatch: pytest.MonkeyPatch) -> Stack:  # noqa: F811 (the fixture)
    folder = tmp_path / "stack"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: trellis\nruntime: python\n")
    (folder / "status").write_text("0")
    engine = tmp_path / "bin" / "pulumi"
    engine.parent.mkdir()
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    made = Stack(folder, edge)
    made.good()
    return made


def steps(said: str) -> list[str]:
    """The steps that a command says, each of which has its seconds."""
    return re.findall(r"^ *\d+\.\ds (asked|judged|written|ran) .*: \d+\.\d\d s$", said, re.MULTILINE)


def calls(stack: Stack) -> list[str]:
    file = stack.folder / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_a_changed_delegation_is_shown_and_written_with_the_seconds_of_each_step(stack: Stack) -> None:
    stack.served.face.become(with_pool("pd-v101", OTHER))
    before = stack.file.read_text()
    code, printed, said = stack.run("sync")
    assert code == 0
    assert steps(said) == ["asked", "judged", "written"]
    assert f"+    current: {OTHER}" in printed.splitlines()
    assert str(stack.prefixes().vnets["vnet101"].current) == OTHER
    assert calls(stack) == []
    kept = stack.folder / "kept"
    kept.mkdir()
    (kept / stack.file.name).write_text(before)
    subprocess.run(["git", "apply", "-"], cwd=kept, input=printed, text=True, check=True)
    assert (kept / stack.file.name).read_text() == stack.file.read_text(), "what was shown is not what was written"


def test_with_up_the_engine_gets_the_new_file_and_is_not_asked_back(stack: Stack) -> None:
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, printed, said = stack.run("sync", "--up", "--yes")
    assert code == 0, said
    assert steps(said) == ["asked", "judged", "written", "ran"]
    where, how, *file = calls(stack)
    assert (where, how) == (str(stack.folder), "up --stack home --yes")
    assert file == stack.file.read_text().splitlines()
    assert f"current: {OTHER}" in "\n".join(file)
    assert "Updating (home)" in printed
    assert "applied Prefixes.home.yaml to the hosts of home" in said


def test_where_nothing_changed_nothing_is_written_and_nothing_run(stack: Stack) -> None:
    before = stack.file.stat()
    code, printed, said = stack.run("sync", "--up", "--yes")
    assert (code, printed) == (0, "")
    assert "says so already: nothing to do" in said
    assert steps(said) == ["asked", "judged"]
    after = stack.file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert calls(stack) == []


def test_an_engine_that_fails_leaves_the_new_file_and_says_what_to_do(stack: Stack) -> None:
    stack.served.face.become(with_pool("pd-v101", OTHER))
    (stack.folder / "status").write_text("255")
    code, _, said = stack.run("sync", "--up", "--yes")
    assert code == 1
    assert "ended with 255" in said
    assert "run this again" in said
    assert "git checkout -- Prefixes.home.yaml" in said
    assert str(stack.prefixes().vnets["vnet101"].current) == OTHER


def test_an_engine_that_failed_is_run_again_by_the_next_sync_and_then_no_more(stack: Stack) -> None:
    stack.served.face.become(with_pool("pd-v101", OTHER))
    (stack.folder / "status").write_text("255")
    assert stack.run("sync", "--up", "--yes")[0] == 1
    (stack.folder / "calls").unlink()
    assert stack.run("sync")[0] == 0
    assert calls(stack) == [], "without --up nothing is run"
    (stack.folder / "status").write_text("0")
    code, printed, said = stack.run("sync", "--up", "--yes")
    assert (code, "once more" in said, "applied" in said) == (0, True, True)
    assert "current" not in printed
    assert calls(stack)[1] == "up --stack home --yes"
    (stack.folder / "calls").unlink()
    assert "nothing to do" in stack.run("sync", "--up", "--yes")[2]
    assert calls(stack) == []


@pytest.mark.parametrize("how", ["cut", "truncate", "status"])
def test_what_an_edge_does_not_say_whole_runs_nothing_and_leaves_the_file(stack: Stack, how: str) -> None:
    good = stack.file.read_bytes()
    stack.served.face.become(failing(how))
    code, printed, said = stack.run("sync", "--up", "--yes")
    assert (code, printed) == (1, "")
    assert "nothing was changed" in said
    assert (stack.file.read_bytes(), calls(stack)) == (good, [])


def test_what_the_site_does_not_bear_runs_nothing_and_leaves_the_file(stack: Stack) -> None:
    good = stack.file.read_bytes()
    stack.site["fabric"]["infrastructure"].append(OTHER)
    stack.write()
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, _, said = stack.run("sync", "--up", "--yes")
    assert (code, "delegated.vnet101.current" in said) == (2, True)
    assert (stack.file.read_bytes(), calls(stack)) == (good, [])


def test_nobody_is_asked_for_leave_where_there_is_nobody(stack: Stack) -> None:
    code, _, said = stack.run("sync", "--up")
    assert (code, "add --yes" in said) == (2, True)
    assert stack.served.face.asked == []


def test_a_stack_without_a_program_is_not_applied(stack: Stack) -> None:
    (stack.folder / "Pulumi.yaml").unlink()
    code, _, said = stack.run("sync", "--up", "--yes")
    assert (code, "beside a Pulumi.yaml" in said) == (2, True)
    assert stack.served.face.asked == []


def test_as_json_standard_output_is_json_alone(stack: Stack) -> None:
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, printed, said = stack.run("sync", "--up", "--yes", "--json")
    assert code == 0
    found = json.loads(printed)
    assert (found["changed"], found["written"], found["applied"]) == (True, True, True)
    assert [step["step"] for step in found["steps"]] == ["asked", "judged", "written", "ran"]
    assert f"+    current: {OTHER}" in found["difference"].splitlines()
    assert "Updating (home)" in said
    again = json.loads(stack.run("sync", "--up", "--yes", "--json")[1])
    assert (again["changed"], again["applied"], again["difference"]) == (False, False, "")


def test_a_sync_that_nobody_requested_asks_nobody(stack: Stack) -> None:
    requests = SyncRequests(stack.folder / "requested")
    request = ("--if-requested", "--request-file", str(requests.file))
    code, _, said = stack.run("sync", *request)
    assert (code, "nobody requested a sync" in said) == (0, True)
    assert stack.served.face.asked == []
    requests.request("edge1")
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, _, said = stack.run("sync", *request)
    assert (code, "a sync was requested by edge1" in said) == (0, True)
    assert str(stack.prefixes().vnets["vnet101"].current) == OTHER
    assert "nobody requested a sync" in stack.run("sync", *request)[2]


def test_a_request_whose_sync_failed_is_there_for_the_next(stack: Stack) -> None:
    requests = SyncRequests(stack.folder / "requested")
    request = ("--if-requested", "--request-file", str(requests.file))
    requests.request("edge1")
    stack.served.face.become(failing("cut"))
    assert stack.run("sync", *request)[0] == 1
    stack.served.face.become(with_pool("pd-v101", OTHER))
    assert stack.run("sync", *request)[0] == 0
    assert set(VNETS) == set(stack.prefixes().vnets)
    assert str(stack.prefixes().vnets["vnet101"].current) == OTHER


def test_where_requests_are_is_only_asked_for_with_if_requested(stack: Stack) -> None:
    code, _, said = stack.run("sync", "--request-file", "/tmp/x")
    assert (code, "--if-requested" in said) == (2, True)

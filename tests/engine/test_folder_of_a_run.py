"""What a run copies, keeps and never touches. No engine is needed here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from trellis.lab import stack_folder
from trellis.lab.deployment import DeploymentError, Problem, Request
from trellis.lab.engine_events import told_once


@pytest.fixture
def request_here(tmp_path: Path) -> Request:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("config:\n  p:note:   'from the repository'\n")
    return Request(
        operation="up",
        project_dir=project,
        stack="dev",
        work_dir=tmp_path / "work",
        passphrase="correct horse",
        engine=tmp_path / "pulumi",
        plugin_dir=tmp_path / "launchers",
    )


def stack_file(request: Request) -> dict[str, object]:
    return dict(yaml.safe_load((request.work_dir / "Pulumi.dev.yaml").read_text()))


def test_without_a_configuration_of_its_own_a_run_takes_the_stack_files(request_here: Request) -> None:
    stack_folder.prepare(request_here)
    assert stack_file(request_here)["config"] == {"p:note": "from the repository"}


def test_a_configuration_of_its_own_takes_the_stack_files_place(request_here: Request) -> None:
    stack_folder.prepare(replace(request_here, config={"p:site": {"hosts": ("a", "b")}}))
    assert stack_file(request_here)["config"] == {"p:site": {"hosts": ["a", "b"]}}


def test_the_salt_of_the_first_run_is_kept(request_here: Request) -> None:
    stack_folder.prepare(request_here)
    copy = request_here.work_dir / "Pulumi.dev.yaml"
    copy.write_text(copy.read_text() + "encryptionsalt: v1:abc\n")
    stack_folder.prepare(request_here)
    assert stack_file(request_here)["encryptionsalt"] == "v1:abc"


def test_a_salt_of_the_stack_file_wins(request_here: Request) -> None:
    own = request_here.project_dir / "Pulumi.dev.yaml"
    own.write_text(own.read_text() + "encryptionsalt: v1:own\n")
    stack_folder.prepare(request_here)
    assert stack_file(request_here)["encryptionsalt"] == "v1:own"


def test_only_the_owner_can_read_the_folder(request_here: Request) -> None:
    stack_folder.prepare(request_here)
    work = request_here.work_dir
    assert [path.stat().st_mode & 0o777 for path in (work, work / "state", work / "home")] == [0o700] * 3
    assert (work / "Pulumi.dev.yaml").stat().st_mode & 0o777 == 0o600


def test_stand_ins_are_first_on_the_engines_path_and_nothing_is_downloaded(request_here: Request) -> None:
    variables = stack_folder.environment(request_here)
    assert variables["PATH"].startswith(f"{request_here.plugin_dir}:")
    assert variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert variables["PULUMI_BACKEND_URL"] == f"file://{request_here.work_dir}/state"
    with_real_ones = stack_folder.environment(replace(request_here, plugin_dir=None))
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in with_real_ones


def test_real_plugins_are_found_from_the_engines_own_home(request_here: Request, tmp_path: Path) -> None:
    (tmp_path / "home" / "plugins" / "resource-command-v1.2.1").mkdir(parents=True)
    stack_folder.prepare(replace(request_here, plugin_home=tmp_path / "home"))
    assert (request_here.work_dir / "home" / "plugins" / "resource-command-v1.2.1").is_dir()


def test_a_folder_in_use_is_refused_with_what_to_do(request_here: Request) -> None:
    with stack_folder.alone(request_here), pytest.raises(DeploymentError) as raised, stack_folder.alone(request_here):
        pass
    assert str(raised.value) == (f"up failed\nanother run uses this stack: {request_here.work_dir}\nwait for it to end")


def test_each_problem_is_told_once() -> None:
    said = (
        Problem("a", "urn:a", "host key mismatch"),
        Problem("b", "urn:b", "host key mismatch"),
        Problem("", "", "update failed"),
        Problem("", "", "no such key"),
        Problem("", "", "an unhandled error occurred: no such key"),
    )
    assert told_once(list(said)) == (said[0], said[1], said[3])
    assert told_once([said[2]]) == ()

"""Each workflow is one that GitHub or GitLab takes, pinned by digest, with no more rights than it needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "examples" / "pipelines"
GITLAB = PIPELINES / "gitlab-ci.yaml"
GITHUB = sorted([*PIPELINES.glob("*.yaml"), *(ROOT / ".github" / "workflows").glob("*.yml")])
GITHUB.remove(GITLAB)
OURS = [path for path in GITHUB if path.parent == PIPELINES]

READING = {"contents": "read", "actions": "read"}


def workflow(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    found["on"] = found.pop(True)  # YAML 1.1 takes `on` for a truth
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(path)["jobs"]
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / ".venv" / "bin" / argv[0], *argv[1:]], capture_output=True, text=True, check=False)


def test_github_and_gitlab_take_what_is_written() -> None:
    for schema, paths in (("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", [GITLAB])):
        found = run("check-jsonschema", "--builtin-schema", schema, *paths)
        assert found.returncode == 0, found.stdout + found.stderr


def test_zizmor_finds_nothing_even_where_it_is_pedantic() -> None:
    found = run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", *GITHUB)
    assert found.returncode == 0, found.stdout
    assert "No findings to report" in found.stdout + found.stderr


def test_a_schema_and_zizmor_would_notice(tmp_path: Path) -> None:
    text = (PIPELINES / "fork.yaml").read_text()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("runs-on:", "run-on:"))
    assert run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", wrong).returncode == 1
    wrong.write_text(re.sub(r"# zizmor: .*", "", text))
    assert "dangerous-triggers" in run("zizmor", "--offline", "--no-progress", wrong).stdout


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_each_action_is_pinned_by_a_digest_that_is_the_same_everywhere(path: Path) -> None:
    used = re.findall(r"uses: (\S+)@(\S+) (# v[0-9.]+)$", path.read_text(), re.MULTILINE)
    assert len(used) == path.read_text().count("uses: ")
    assert all(re.fullmatch("[0-9a-f]{40}", digest) for _, digest, _ in used)
    everywhere = {one for other in GITHUB for one in re.findall(r"uses: (\S+@\S+ # \S+)", other.read_text())}
    assert len(everywhere) == len({one.partition("@")[0] for one in everywhere})


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.name)
def test_no_right_is_given_to_a_whole_workflow_and_each_job_names_its_own(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    assert [name for name, job in jobs(path).items() if "permissions" not in job] == []


def test_only_these_jobs_may_write_anything() -> None:
    writing = {
        (path.name, name): sorted(right for right, how in job["permissions"].items() if READING.get(right) != how)
        for path in GITHUB
        for name, job in jobs(path).items()
    }
    assert {job: rights for job, rights in writing.items() if rights} == {
        ("drift.yaml", "issue"): ["issues"],
        ("fork.yaml", "comment"): ["pull-requests"],
        ("prefixes.yaml", "preview"): ["pull-requests"],
        ("prefixes.yaml", "propose"): ["contents", "pull-requests"],
        ("pull-request.yaml", "comment"): ["pull-requests"],
    }


def test_who_may_write_has_no_secret_of_the_network_and_runs_nothing_of_a_pull_request() -> None:
    for name in ("fork.yaml", "pull-request.yaml", "drift.yaml"):
        job = jobs(PIPELINES / name)["issue" if name == "drift.yaml" else "comment"]
        assert "secrets." not in yaml.safe_dump(job)
        checkouts = [step.get("with", {}) for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert [one.get("ref", "the default branch") for one in checkouts] == [
            "${{ github.event.pull_request.base.sha }}" if name == "pull-request.yaml" else "the default branch"
        ]


def test_what_a_fork_left_is_unpacked_outside_the_work_tree() -> None:
    found = [step["with"] for path in OURS for step in steps(path) if "download-artifact@" in step.get("uses", "")]
    assert len(found) == 3
    assert {one["path"] for one in found} == {"${{ runner.temp }}/report"}


def test_a_job_that_a_fork_can_start_has_no_secret_and_no_runner_of_ours() -> None:
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    for path in GITHUB:
        found = workflow(path)
        assert "pull_request_target" not in found["on"]
        if "pull_request" not in found["on"]:
            continue
        for job in found["jobs"].values():
            if own in job.get("if", ""):
                continue
            assert "secrets." not in yaml.safe_dump(job)
            assert "environment" not in job
            assert job["runs-on"] == "ubuntu-24.04"


def test_each_job_with_a_secret_is_behind_an_environment() -> None:
    for path in OURS:
        if path.name == "prefixes.yaml":  # started by the clock, on a runner of one's own
            continue
        for name, job in jobs(path).items():
            assert ("secrets." in yaml.safe_dump(job)) == ("environment" in job), (path.name, name)
    assert jobs(PIPELINES / "apply.yaml")["apply"]["environment"] == "production"


def test_no_script_takes_text_from_an_event_or_a_secret() -> None:
    assert [step["run"] for path in GITHUB for step in steps(path) if "${{" in step.get("run", "")] == []


def test_one_run_of_a_stack_applies_at_a_time_and_none_is_cut_off() -> None:
    found = workflow(PIPELINES / "apply.yaml")
    assert found["concurrency"] == {"group": f"pulumi-{found['env']['STACK']}", "cancel-in-progress": False}
    gitlab = yaml.safe_load(GITLAB.read_text())
    assert gitlab["apply"]["resource_group"] == f"pulumi-{gitlab['variables']['STACK']}"
    assert gitlab["apply"]["rules"][0]["when"] == "manual"
    assert gitlab["default"]["interruptible"] is False


def test_the_stack_is_named_alike_in_all_pipelines() -> None:
    named = {path.name: workflow(path)["env"]["STACK"] for path in OURS}
    assert set(named.values()) == {yaml.safe_load(GITLAB.read_text())["variables"]["STACK"]}


def test_on_gitlab_only_a_branch_of_the_project_itself_gets_secrets_or_writes_a_note() -> None:
    gitlab = yaml.safe_load(GITLAB.read_text())
    own = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"
    for name in ("preview", "note"):
        assert [own in rule["if"] for rule in gitlab[name]["rules"]] == [True]
        assert "environment" in gitlab[name]
    assert "environment" not in gitlab["diff"]


@pytest.mark.parametrize("path", sorted((PIPELINES / "steps").glob("*.sh")), ids=lambda path: path.name)
def test_each_script_can_be_started_and_read_by_a_shell(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)

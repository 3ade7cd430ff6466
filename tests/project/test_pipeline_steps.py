"""Each step's own commands, on a repository with the real ``trellis``; GitHub and Pulumi are stand-ins."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.project.runner import ROOT, Runner

STEPS = ROOT / "examples" / "pipelines" / "steps"
MARKER = "<!-- trellis prod -->"
GUEST = '      debian-test-2: {vnet: vnet101, suffix: 7, host: pve02, mac: "BC:24:11:01:01:07"}\n'


def report_module() -> Any:
    spec = importlib.util.spec_from_file_location("report", STEPS / "report.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


report = report_module()


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.net", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, check=True)


def edit(work: Path, old: str, new: str) -> None:
    path = work / "Pulumi.prod.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    git(work, "commit", "-qam", "a change")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Return a runner on a repository whose stack ``prod`` is the homelab."""
    work, home = tmp_path / "work", tmp_path / "home"
    home.mkdir()
    shutil.copytree(STEPS, work / "examples" / "pipelines" / "steps")
    shutil.copy(ROOT / "Pulumi.yaml", work)
    shutil.copy(ROOT / "Pulumi.dev.yaml", work / "Pulumi.prod.yaml")
    shutil.copy(ROOT / "Prefixes.dev.yaml", work / "Prefixes.prod.yaml")
    (work / ".venv").symlink_to(ROOT / ".venv")
    git(work, "init", "-q", "-b", "main")
    git(work, "add", "examples", "Pulumi.yaml", "Pulumi.prod.yaml", "Prefixes.prod.yaml")
    git(work, "commit", "-qm", "the homelab")
    stranger = {"id": 1, "user": {"login": "stranger"}, "body": f"{MARKER}\nnot ours", "of": "12"}
    (home / "github.json").write_text(json.dumps({"comments": [stranger], "issues": [], "pulls": []}))
    return Runner(work, home)


def github(runner: Runner, kind: str) -> list[Any]:
    found: list[Any] = json.loads((runner.home / "github.json").read_text())[kind]
    return found


@pytest.mark.host
def test_a_pull_request_gets_one_comment_that_the_next_push_writes_anew(runner: Runner) -> None:
    edit(runner.work, "    clusters:\n", f"{GUEST}    clusters:\n")
    assert runner.job("pull-request.yaml", "diff"), runner.log
    assert runner.job("pull-request.yaml", "preview"), runner.log
    assert runner.job("pull-request.yaml", "comment"), runner.log
    theirs, ours = github(runner, "comments")
    assert ours["body"].startswith(f"{MARKER}\n## Stack `prod`\n")
    assert "| `trellis diff` | changes, below |" in ours["body"]
    assert "debian-test-2" in ours["body"]
    assert "pve02-commit create" in ours["body"]
    assert ours["of"] == "12"
    preview = "pulumi preview --stack prod --diff --color never --non-interactive passphrase=a passphrase"
    assert [line for line in runner.asked if line.startswith("pulumi")] == [preview]

    edit(runner.work, "debian-test-2", "debian-test-3")
    assert runner.job("pull-request.yaml", "diff"), runner.log
    assert runner.job("pull-request.yaml", "comment"), runner.log
    again = github(runner, "comments")
    assert [one["id"] for one in again] == [theirs["id"], ours["id"]]
    assert again[0] == theirs
    assert "debian-test-3" in again[1]["body"]


@pytest.mark.host
def test_a_refused_site_fails_its_job_and_the_comment_says_why(runner: Runner) -> None:
    edit(runner.work, "suffix: 6,", "suffix: 0,")
    assert not runner.job("pull-request.yaml", "diff")
    assert runner.job("pull-request.yaml", "comment"), runner.log
    body = github(runner, "comments")[1]["body"]
    assert "| `trellis plan` | **refused** |" in body
    assert "| `pulumi preview` | not run |" in body
    assert "rule:" in body


HOSTILE = f"{MARKER}\n```\n@everyone <img src=x> [a](http://b)\n``````\n\x1b[31m\u202e~~~\n"


@pytest.mark.parametrize("sha", ["abc", "older"])
def test_what_a_fork_left_is_a_text_in_a_fence_on_the_pull_request_that_github_names(runner: Runner, sha: str) -> None:
    state = json.loads((runner.home / "github.json").read_text())
    branch = "stranger:$(touch owned);`touch owned`"
    state["pulls"] = [{"number": 12, "head": {"label": branch, "sha": "abc"}}]
    state["pulls"][0]["head"]["sha"] = sha
    (runner.home / "github.json").write_text(json.dumps(state))
    left = runner.artifacts["report-diff"] = runner.home / "left"
    left.mkdir()
    (left / "diff.txt").write_text(HOSTILE)
    (left / "plan.status").write_text("0")
    (left / "diff.status").write_text("1\n| a | row |")
    (left / "diff.md").symlink_to("/etc/passwd")
    assert runner.job("fork.yaml", "comment"), runner.log
    assert not (runner.work / "owned").exists()
    written = github(runner, "comments")[1:]
    if sha == "older":
        assert written == []
        return
    body = written[0]["body"]
    assert written[0]["of"] == "12"
    assert "| `trellis diff` | not run |" in body  # its exit code is none
    head, fence, inside = body.partition("\n```````\n")
    assert fence
    assert "@everyone" not in head
    assert inside.endswith("~~~\n```````\n")
    assert "\x1b" not in body
    assert "\u202e" not in body


@given(st.text(alphabet=st.sampled_from("`~\n\r a\x1b<")), st.integers(1, 60))
def test_no_text_ends_the_fence_that_it_stands_in(text: str, longest: int) -> None:
    first, *inside, last = report.fenced(text, longest).rstrip("\n").split("\n")
    assert first == last
    assert len(first) >= 3
    assert not any(re.match(rf"\s*`{{{len(first)},}}", line) for line in inside)


@pytest.mark.host
def test_what_was_merged_is_told_and_applied(runner: Runner) -> None:
    edit(runner.work, "    clusters:\n", f"{GUEST}    clusters:\n")
    assert runner.job("apply.yaml", "show"), runner.log
    assert "there is no commit 0000" in runner.log  # a first push: compared with the commit before
    assert "debian-test-2" in runner.log
    assert runner.job("apply.yaml", "apply"), runner.log
    applied = "pulumi up --stack prod --yes --diff --color never --non-interactive passphrase=a passphrase"
    assert runner.asked[-1] == applied


@pytest.mark.host
def test_drift_opens_one_issue_writes_it_anew_and_closes_it(runner: Runner) -> None:
    edit(runner.work, "https://10.10.0.254:443", "https://127.0.0.1:9")  # the port of discard: nobody listens
    assert not runner.job("drift.yaml", "look")  # the key is none, so no host is asked
    for _ in range(2):
        assert runner.job("drift.yaml", "issue"), runner.log
    (issue,) = github(runner, "issues")
    assert (issue["title"], issue["state"]) == ("Stack prod has drifted", "open")
    assert "| `trellis check` | **differs**, or a host is not reached |" in issue["body"]
    assert "0 of 3 hosts are as planned" in issue["body"]
    assert "a password" not in issue["body"]
    for path in runner.artifacts["drift"].glob("*.status"):
        path.write_text("0\n")
    assert runner.job("drift.yaml", "issue"), runner.log
    assert github(runner, "issues")[0]["state"] == "closed"


@pytest.fixture
def gitlab() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answer as GitLab's notes and issues do; yields the address and what is kept, one entry of somebody else first."""
    kept: list[dict[str, Any]] = [{"id": 1, "author": {"id": 5}, "body": MARKER, "description": MARKER}]

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"id": 9} if self.path.startswith("/user") else kept)

        def do_POST(self) -> None:
            number = len(kept) + 1
            kept.append(
                {"id": number, "iid": number, "author": {"id": 9}, "description": "", "body": "", **self._sent()}
            )
            self._answer({})

        def do_PUT(self) -> None:
            kept[int(self.path.rpartition("/")[2]) - 1].update(self._sent())
            self._answer({})

        def _sent(self) -> dict[str, Any]:
            sent: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return sent

        def _answer(self, body: object) -> None:
            self.send_response(200 if self.headers["PRIVATE-TOKEN"] == "a token" else 401)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", kept
        server.shutdown()
        thread.join()


def gitlab_job(runner: Runner, name: str, address: str) -> bool:
    """Run a job of the example for GitLab, with what a merge request of the project itself has."""
    found = yaml.safe_load((STEPS.parent / "gitlab-ci.yaml").read_text())
    lines = [*found[name].get("before_script", found["default"]["before_script"]), *found[name]["script"]]
    lines = ['python3() { [ "$2" = pip ] || command python3 "$@"; }', *lines]  # uv is a stand-in here
    given = {"CI_API_V4_URL": address, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "4", "NOTE_TOKEN": "a token"}
    env = {"STACK": "prod", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD^1", **given}
    return runner.shell("\n".join(lines), env, runner.home)


@pytest.mark.host
def test_on_gitlab_a_merge_request_gets_one_note(runner: Runner, gitlab: tuple[str, list[dict[str, Any]]]) -> None:
    address, kept = gitlab
    edit(runner.work, "    clusters:\n", f"{GUEST}    clusters:\n")
    for name in ("diff", "preview", "note", "note"):
        assert gitlab_job(runner, name, address), runner.log
    theirs, ours = kept
    assert theirs["body"] == MARKER
    assert "debian-test-2" in ours["body"]
    assert "pve02-commit create" in ours["body"]


def test_on_gitlab_drift_is_one_issue(runner: Runner, gitlab: tuple[str, list[dict[str, Any]]]) -> None:
    address, kept = gitlab
    left = runner.work / "report"
    left.mkdir()
    (left / "check.status").write_text("1")
    (left / "check.txt").write_text("pve02 differs")
    for _ in range(2):
        assert gitlab_job(runner, "issue", address), runner.log
    assert [("pve02 differs" in one["description"]) for one in kept] == [False, True]
    (left / "check.status").write_text("0")  # and nothing of prefixes, where none is delegated
    assert gitlab_job(runner, "issue", address), runner.log
    assert kept[1]["state_event"] == "close"

"""``trellis diff`` as a user and a pipeline meet it: revisions of a repository, folders, files, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command_line import REPOSITORY, trellis

GUEST = '      debian-test-2: {vnet: vnet101, suffix: 7, host: pve02, mac: "BC:24:11:01:01:07"}\n'
PREFIXES = "Prefixes.dev.yaml"

KEYS = {
    "changed",
    "nouns",
    "sessions",
    "filters",
    "routes",
    "hosts",
    "sdn",
    "on_failure",
    "outputs",
    "reserves",
    "failures",
    "judged",
    "not_judged",
    "hunks",
}
"""What programs rely on of a stack."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with nothing of this machine's or person's settings."""
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.net", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with the homelab committed on ``main``, in a folder of its own inside."""
    project = tmp_path / "network"
    project.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", PREFIXES):
        shutil.copy(REPOSITORY / name, project)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "the homelab")
    return project


def edit(project: Path, old: str, new: str, name: str = "Pulumi.dev.yaml") -> None:
    """Replace a text in a file, which must be there."""
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new, 1))


def add_guest(project: Path) -> None:
    edit(project, "    clusters:\n", f"{GUEST}    clusters:\n")


def test_nothing_changed_is_exit_0_and_a_change_of_the_work_tree_is_exit_1(repository: Path) -> None:
    same = trellis("diff", "main", cwd=repository)
    assert (same.returncode, same.stdout) == (0, "stack dev: main to the work tree\nnothing changes\n")
    add_guest(repository)
    before = git(repository, "status", "--porcelain")
    found = trellis("diff", "main", cwd=repository)
    assert found.returncode == 1
    assert "  + debian-test-2: host pve02, VNet vnet101, ASN 4200101007" in found.stdout
    assert "\x1b" not in found.stdout
    assert found.stderr == ""
    assert git(repository, "status", "--porcelain") == before


def test_prefix_files_come_from_the_revision_that_the_site_comes_from(repository: Path) -> None:
    edit(repository, "2600:1700:ab1a:500e::/64", "2600:1700:ab1a:5111::/64", PREFIXES)
    git(repository, "commit", "-qam", "another prefix")
    shutil.copy(REPOSITORY / PREFIXES, repository)
    found = trellis("diff", "HEAD~1", "HEAD", cwd=repository)
    assert found.returncode == 1
    assert "+ delegated prefix 2600:1700:ab1a:5111::/64 of vnet101" in found.stdout


def test_a_stack_that_one_side_has_alone_is_added_and_json_has_its_keys(repository: Path) -> None:
    shutil.copy(repository / "Pulumi.dev.yaml", repository / "Pulumi.prod.yaml")
    shutil.copy(repository / PREFIXES, repository / "Prefixes.prod.yaml")
    (repository / "Pulumi.other.yaml").write_text("config: {}\n")  # a stack without a site is nobody's
    found = json.loads(trellis("diff", "main", "--json", cwd=repository).stdout)
    assert {name: stack["changed"] for name, stack in found["stacks"].items()} == {"dev": False, "prod": True}
    assert {"schema_version", "base", "head", "changed", "stacks"} == set(found)
    assert set(found["stacks"]["dev"]) == KEYS
    assert {host["what"] for host in found["stacks"]["prod"]["hosts"]} == {"added"}
    neither = trellis("diff", "main", "--stack", "lab", cwd=repository)
    assert neither.returncode == 2
    assert "neither main nor the work tree has a stack lab with a site; there are dev, prod" in neither.stderr


def test_a_comment_for_a_pull_request_needs_no_terminal_and_says_how_to_see_all(repository: Path) -> None:
    add_guest(repository)
    found = trellis("diff", "main", "--format", "markdown", cwd=repository)
    assert found.returncode == 1
    assert found.stdout.startswith("<!-- trellis diff -->\n## Network change: `main` to `the work tree`\n")


def test_folders_and_files_need_no_git(tmp_path: Path, repository: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(repository, bare)
    add_guest(bare)
    files = trellis("diff", f"{repository}/Pulumi.dev.yaml", f"{bare}/Pulumi.dev.yaml", cwd=tmp_path)
    assert files.returncode == 1
    assert "+ debian-test-2" in files.stdout
    assert trellis("diff", f"{bare}/Pulumi.dev.yaml", str(repository), cwd=tmp_path).returncode == 1
    same = trellis("diff", str(repository), str(repository), cwd=tmp_path)
    assert same.returncode == 0


def test_a_value_that_pulumi_encrypted_is_neither_needed_nor_shown(repository: Path) -> None:
    secret = "v1:hGJp0Yv3vTYxH0zj:c2VjcmV0"
    edit(repository, "config:\n", f"config:\n  trellis:secrets:\n    edge-key: {{secure: '{secret}'}}\n")
    edit(repository, "        kind: routeros\n", "        kind: routeros\n        md5: edge-key\n")
    found = trellis("diff", "main", cwd=repository)
    assert found.returncode == 1
    assert "MD5: off -> on, by the secret edge-key; RESETS THE SESSION" in found.stdout
    assert "{{secret:edge-key}}" in found.stdout
    assert secret not in found.stdout + found.stderr


def test_what_is_refused_says_on_which_side_and_all_of_it(repository: Path) -> None:
    edit(repository, "host: pve02, mac", "host: pve09, mac")
    git(repository, "commit", "-qam", "no such host")
    edit(repository, "host: pve09, mac", "host: pve08, mac")
    found = trellis("diff", "main", cwd=repository)
    assert (found.returncode, found.stdout) == (2, "")
    assert "BASE (main), Pulumi.dev.yaml: the site is refused for 1 reason" in found.stderr
    assert "HEAD (the work tree), Pulumi.dev.yaml: the site is refused for 1 reason" in found.stderr
    assert "pve09" in found.stderr
    assert "pve08" in found.stderr


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("nowhere", "nowhere is no git revision, no folder, no stack file and no stack of "),
        ("--upload-pack=x", ""),
        ("main:Pulumi.dev.yaml", "is no git revision, no folder, no stack file"),
        ("both", "both is a git revision and a path: write ./both for the path"),
        ("./empty", "neither ./empty nor the work tree"),
    ],
)
def test_a_side_that_cannot_be_meant_is_a_mistake_and_not_a_traceback(repository: Path, base: str, said: str) -> None:
    git(repository, "branch", "both")
    (repository / "both").mkdir()
    (repository / "empty").mkdir()
    stack = ("--stack", "nothing") if base == "./empty" else ()
    found = trellis("diff", base, *stack, cwd=repository)
    assert found.returncode == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_a_stack_stands_for_its_file(repository: Path) -> None:
    shutil.copy(repository / "Pulumi.dev.yaml", repository / "Pulumi.prod.yaml")
    shutil.copy(repository / PREFIXES, repository / "Prefixes.prod.yaml")
    found = trellis("diff", "dev", "prod", cwd=repository)
    assert (found.returncode, found.stdout) == (0, "stack dev to prod: dev to prod\nnothing changes\n")


def _shown(document: str) -> str:
    """Return what a document shows of `trellis diff main`."""
    text = (REPOSITORY / document).read_text()
    return text.split("```\n$ trellis diff main\n", 1)[1].split("```\n", 1)[0]


def test_the_readme_shows_what_the_command_says_of_its_own_first_change(repository: Path) -> None:
    change = (REPOSITORY / "README.md").read_text().split("## A first change", 1)[1].split("```yaml\n", 1)[1]
    guests, guest = change.split("```", 1)[0].splitlines(keepends=True)
    edit(repository, guests, guests + guest)
    assert trellis("diff", "main", cwd=repository).stdout.startswith(f"{_shown('README.md')}\npve01, pve02, pve03: ")


def test_the_page_shows_what_the_command_says_of_a_filter_that_is_widened(repository: Path) -> None:
    policy = "          asns: {first: 65200, last: 65299}\n"
    wider = (
        "          asns: {first: 65100, last: 65299}\n          prefix_lengths: {ipv4: {shortest: 28, longest: 32}}\n"
    )
    edit(repository, policy, wider)
    assert trellis("diff", "main", cwd=repository).stdout.startswith(f"{_shown('docs/diff.md')}\npve01, pve02, pve03: ")

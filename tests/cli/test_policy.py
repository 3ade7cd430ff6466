"""``trellis policy``, and what other commands say of a site that its policy file refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command_line import trellis
from tests.sites import REPOSITORY

POLICY = """\
schema_version: 1
rules:
  least_edges: {edges: 2, why: the contract says so}
  declared_guests_only: {}
exceptions:
  - rule: declared_guests_only
    place: tenants.tenant200
    owner: the lab
    reason: guests come and go
    until: "2027-01-31T00:00:00Z"
  - {rule: ports_bound, place: guests, owner: the lab, reason: nothing, until: "2099-01-31T00:00:00Z"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The homelab's stack with another policy beside it."""
    for name in ("Pulumi.dev.yaml", "Prefixes.dev.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def without_edges(folder: Path) -> Path:
    (folder / "policy.yaml").write_text(POLICY.replace("  least_edges: {edges: 2, why: the contract says so}\n", ""))
    return folder


def test_the_repositorys_own_site_keeps_to_its_own_policy() -> None:
    done = trellis("policy", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("homelab keeps to policy.yaml\n")


def test_check_names_rule_place_value_limit_reason_and_remedy_and_ends_with_1(folder: Path) -> None:
    done = trellis("policy", "check", "--at", "2027-01-30T00:00:00Z", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "homelab violates, in 1 place, policy.yaml\n"
        "edges: 1 edge\n"
        "  rule:   least_edges: a site has several edges; allowed: at least 2 edges\n"
        "  why:    the contract says so\n"
        "  remedy: add an edge; hosts speak with each of them\n"
    )
    assert "guests: lets nothing pass, remove it" in done.stdout


def test_an_exception_that_has_ended_is_a_violation_of_check_alone(folder: Path) -> None:
    without_edges(folder)
    assert trellis("policy", "check", "--at", "2027-01-30T23:59:59Z", cwd=folder).returncode == 0
    done = trellis("policy", "check", "--at", "2027-01-31T00:00:00Z", cwd=folder)
    assert done.returncode == 1
    assert "  ended:  the exception of the lab ended at 2027-01-31T00:00:00Z: guests come and go\n" in done.stdout
    assert trellis("plan", cwd=folder).returncode == 0, "a plan is the same on any day"


def test_check_has_json_for_programs(folder: Path) -> None:
    done = trellis("policy", "check", "--json", "--at", "2027-02-01T00:00:00Z", cwd=folder)
    found = json.loads(done.stdout)
    assert (done.returncode, found["schema_version"], found["site"], found["kept"]) == (1, 1, "homelab", False)
    assert [(one["rule"], one["place"], one["value"], one["limit"]) for one in found["violations"]] == [
        ("declared_guests_only", "tenants.tenant200.guest_bgp.mode", "open", "bound"),
        ("least_edges", "edges", "1 edge", "at least 2 edges"),
    ]
    assert [one["exception"]["owner"] for one in found["ended"]] == ["the lab"]
    assert [one["place"] for one in found["unused"]] == ["guests"]


@pytest.mark.parametrize("command", [("plan",), ("render", "pve01"), ("render", "edge1", "--format", "rsc")])
def test_what_would_be_deployed_is_refused_as_the_program_refuses_it(folder: Path, command: tuple[str, ...]) -> None:
    done = trellis(*command, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "trellis: the policy file refuses the site for 1 reason; nothing was changed\nedges: 1 edge\n"
    )


def test_a_policy_that_cannot_be_read_refuses_and_lets_nothing_pass(folder: Path) -> None:
    (folder / "policy.yaml").write_text("schema_version: 1\nrules: {ports_bound: }\n", encoding="utf-8")
    for command in (("policy", "check"), ("policy", "list"), ("plan",)):
        done = trellis(*command, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert "rules.ports_bound: nothing" in done.stderr


def test_check_without_a_policy_is_a_mistake_and_no_success(folder: Path) -> None:
    (folder / "policy.yaml").unlink()
    done = trellis("policy", "check", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"trellis: there is no {folder / 'policy.yaml'}: write one")
    assert trellis("plan", cwd=folder).returncode == 0


def test_a_moment_that_is_none_and_a_policy_that_is_not_there_are_mistakes(folder: Path) -> None:
    assert trellis("policy", "check", "--at", "tomorrow", cwd=folder).returncode == 2
    done = trellis("policy", "check", "--policy", "other.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (2, "trellis: there is no file other.yaml\n")


def test_list_names_every_rule_and_what_this_policy_says_of_it(folder: Path) -> None:
    shown = trellis("policy", "list", cwd=folder)
    assert shown.returncode == 0
    rows = {line.split("│")[1].strip(): line for line in shown.stdout.splitlines() if line.startswith("│")}
    assert "edges 2" in rows["least_edges"]
    found = json.loads(trellis("policy", "list", "--json", cwd=folder).stdout)
    assert set(rows) == {rule["name"] for rule in found["rules"]}
    in_force = {rule["name"]: rule["why"] for rule in found["rules"] if rule["in_force"]}
    assert in_force["least_edges"] == "the contract says so"
    assert set(in_force) == {"least_edges", "declared_guests_only"}


def test_one_schema_is_printed_at_a_time() -> None:
    assert trellis("schema", "--policy").stdout == (REPOSITORY / "policy.schema.json").read_text(encoding="utf-8")
    assert trellis("schema", "--policy", "--cluster").returncode == 2

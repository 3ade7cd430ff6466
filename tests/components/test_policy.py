"""The program refuses a site that its policy file refuses, before anything is registered or sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.components import conftest
from tests.components.monitor import Recorder, watch

Run = Callable[..., tuple[Recorder, dict[str, Any]]]


def test_a_site_that_violates_its_policy_registers_nothing(
    run_program: Run, dev_site: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching: list[Recorder] = []

    def watched(*, preview: bool) -> Recorder:
        watching.append(watch(preview=preview))
        return watching[0]

    monkeypatch.setattr(conftest, "watch", watched)
    (tmp_path / "policy.yaml").write_text(
        "schema_version: 1\nrules: {least_edges: {edges: 2}, fast_failure_only: {}}\n"
    )
    with pytest.raises(pulumi.RunError) as refused:
        run_program(dev_site)
    said = str(refused.value)
    assert said.startswith("the policy file refuses the site for 2 reasons; nothing was changed\n")
    assert "clusters.sol.nodes.solwk03.resilience: restart\n  rule:   fast_failure_only: " in said
    assert {resource.type for resource in watching[0].resources.values()} <= {"pulumi:pulumi:Stack"}


def test_a_policy_that_cannot_be_read_stops_the_program(
    run_program: Run, dev_site: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text("rules: {}\n")
    with pytest.raises(pulumi.RunError, match="schema_version: nothing"):
        run_program(dev_site)


def test_a_site_that_keeps_to_its_policy_is_deployed_whatever_the_date(
    run_program: Run, dev_site: dict[str, Any], tmp_path: Path
) -> None:
    exception = '{rule: least_edges, place: edges, owner: a, reason: b, until: "2000-01-01T00:00:00Z"}'
    (tmp_path / "policy.yaml").write_text(
        f"schema_version: 1\nrules: {{least_edges: {{edges: 2}}}}\nexceptions: [{exception}]\n"
    )
    recorder, _ = run_program(dev_site)
    assert recorder.resources

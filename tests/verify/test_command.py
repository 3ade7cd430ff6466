"""`trellis verify talos`: what a person reads, how it ends, what a program gets. Who judges: test_on_talos."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.sites import EXAMPLES
from trellis.cli.app import app
from trellis.cli.console import Mistake
from trellis.verify import talos
from trellis.verify.talos import Report
from trellis.verify.verdict import NodePatches, Verdict, VerifierMissing

Verify = Callable[..., Report]


@dataclass
class Judge:
    """Stands for those who judge: refuses what it is told to."""

    refuse: str | None = None
    missing: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, nodes: Iterable[NodePatches], say: object, *, schema_folders: object = ()) -> Report:
        del say, schema_folders
        if self.missing:
            raise VerifierMissing("nobody judges", "none is there", "install one")
        nodes = tuple(nodes)
        self.asked += [node.node for node in nodes]
        verdicts = [
            Verdict(node.cluster, node.node, node.release, source, 3, "LinkConfig", "eth0", "a judge v1", problem)
            for node in nodes
            for source, _ in node.patches[1:]
            for problem in ["mtu: [bold]no[/] number" if node.node == self.refuse else None]
        ]
        return Report((("1.13.9", ("a judge v1",)),), tuple(verdicts))


def run(monkeypatch: pytest.MonkeyPatch, judge: Verify, *arguments: str) -> Result:
    monkeypatch.setattr(talos, "verify_talos", judge)
    return CliRunner().invoke(app, ["verify", "talos", *arguments])


def test_a_site_that_is_accepted_ends_with_0_and_names_release_and_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge()
    done = run(monkeypatch, judge)
    assert done.exit_code == 0
    assert judge.asked == ["solcp01", "solcp02", "solcp03", "solwk01", "solwk02", "solwk03"]
    assert "Talos 1.13.9: judged by a judge v1" in done.output
    assert done.output.splitlines()[-1] == "6 of 6 verdicts on 6 nodes are: accepted"


def test_a_refused_document_ends_with_1_and_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, Judge(refuse="solwk02"))
    assert done.exit_code == 1
    assert "solwk02: LinkConfig eth0 (node solwk02, line 3): mtu: [bold]no[/] number" in done.output
    assert done.output.splitlines()[-1] == "5 of 6 verdicts on 6 nodes are: accepted"


def test_a_program_gets_verdicts_and_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, Judge(refuse="solcp01"), "sol", "--json")
    answer: dict[str, Any] = json.loads(done.output)
    assert done.exit_code == 1
    assert answer["accepted"] is False
    assert answer["validators"] == [{"release": "1.13.9", "validators": ["a judge v1"]}]
    assert [problem["node"] for problem in answer["problems"]] == ["solcp01"]
    assert len(answer["verdicts"]) == 6


def test_a_site_without_talos_has_nothing_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge()
    done = run(monkeypatch, judge, "--file", str(EXAMPLES["leaks"]))
    assert (done.exit_code, judge.asked) == (0, [])


def test_a_cluster_that_is_none_and_a_judge_that_is_not_there_are_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = run(monkeypatch, Judge(), "luna").exception
    assert isinstance(wrong, Mistake)
    assert (str(wrong), wrong.exit_code) == ("luna is no cluster that runs Talos; such are: sol", 2)
    missing = run(monkeypatch, Judge(missing=True)).exception
    assert isinstance(missing, Mistake)
    assert (str(missing), missing.exit_code) == ("nobody judges: none is there; install one", 1)

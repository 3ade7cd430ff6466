"""Asking nodes: the program that runs on a host, run here; and nodes that do not answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trellis.lab import evidence
from trellis.lab.errors import LabError
from trellis.lab.evidence import Answer, Question, gather
from trellis.lab.processes import Completed

SHELL = ("sh", "-c")


def run_here(argv: Sequence[str], stdin: str, timeout_s: float) -> Completed:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=True)
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)


@dataclass
class HereIsEveryHost:
    """Stands for the way in to the hosts: their Python is this machine's."""

    away: tuple[str, ...] = ()
    logins: list[str] = field(default_factory=list)

    def run(self, host: str, command: Sequence[str], *, stdin: str, timeout_s: float) -> Completed:
        if host in self.away:
            raise LabError(host, why="no route to host", remedy="none")
        self.logins.append(host)
        return run_here(command, stdin, timeout_s)


class Edge:
    """Stands for an edge's FRR."""

    def enter(self, *argv: str) -> list[str]:
        return list(argv)


def asked(access: HereIsEveryHost, *questions: Question) -> evidence.Evidence:
    return gather(access, {"edge1": Edge()}, questions)  # type: ignore[arg-type, dict-item]


def test_each_host_is_logged_in_to_once_whatever_it_is_asked() -> None:
    access = HereIsEveryHost()
    questions = [Question(host, ("echo", str(number))) for host in ("pve01", "pve02") for number in range(5)]
    said = asked(access, *questions, *questions)
    assert sorted(access.logins) == ["pve01", "pve02"]
    assert [said[question].output for question in questions] == [f"{n}\n" for _ in range(2) for n in range(5)]


def test_an_answer_keeps_status_output_and_messages_apart_and_untouched() -> None:
    question = Question("pve01", (*SHELL, "printf 'a\\n\"b\" é \\377'; printf 'oh\\n' >&2; exit 3"))
    answer = asked(HereIsEveryHost(), question)[question]
    assert (answer.status, answer.output, answer.errors) == (3, 'a\n"b" é \ufffd', "oh\n")


def test_arguments_reach_the_command_as_they_are() -> None:
    question = Question("pve01", ("printf", "%s|", "it's", '"quoted"', "back\\slash", "a b"))
    assert asked(HereIsEveryHost(), question)[question].output == 'it\'s|"quoted"|back\\slash|a b|'


@pytest.mark.parametrize("node", ["pve01", "edge1"])
def test_both_kinds_of_node_answer_in_the_same_shape(node: str) -> None:
    question = Question(node, (*SHELL, "echo out; echo err >&2; exit 2"))
    answer = asked(HereIsEveryHost(), question)[question]
    assert answer == Answer(question, 2, "out\n", "err\n", answer.seconds)


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "QUESTION_LIMIT_S", 0.3)
    question, next_one = Question("pve01", ("sleep", "20")), Question("pve01", ("echo", "still here"))
    said = asked(HereIsEveryHost(), question, next_one)
    assert (said[question].status, said[question].errors) == (124, "no end after 0.3 s")
    assert said[next_one].output == "still here\n"


def test_a_command_that_is_not_there_is_told() -> None:
    question = Question("pve01", ("no-such-command-anywhere",))
    answer = asked(HereIsEveryHost(), question)[question]
    assert answer.status == 127
    assert "no-such-command-anywhere" in answer.errors


def test_what_may_run_at_once_runs_four_at_a_time() -> None:
    script = "date +%s.%N; sleep 1.{}; date +%s.%N"
    waiting = [Question("pve01", ("sh", "-c", script.format(number)), at_once=True) for number in range(5)]
    said = asked(HereIsEveryHost(), *waiting)
    assert {said[question].status for question in waiting} == {0}
    spans = [tuple(map(float, said[question].output.split())) for question in waiting]
    at_once = [sum(began <= moment < ended for began, ended in spans) for moment, _ in spans]
    assert 2 <= max(at_once) <= 4, "the fifth waits until one of the four has ended"


def test_a_host_that_is_away_leaves_its_questions_unanswered_and_the_others_answered() -> None:
    there, away = Question("pve01", ("echo", "here")), Question("pve02", ("echo", "here"))
    said = asked(HereIsEveryHost(away=("pve02",)), there, away)
    assert said[there].output == "here\n"
    assert said[away].status == 255
    assert "no route to host" in said[away].errors


def test_a_node_whose_answers_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_RUNNER", "print('Welcome to pve01!')")
    question = Question("pve01", ("echo", "here"))
    answer = asked(HereIsEveryHost(), question)[question]
    assert answer.status == 255
    assert "pve01: its answers can't be read" in answer.errors


def test_an_answer_that_is_not_json_is_none() -> None:
    question = Question("pve01", ("true",))
    assert Answer(question, 1, "% bgpd is not running").json() is None
    assert Answer(question, 0, "").json() is None
    assert Answer(question, 0, '{"a": 1}').json() == {"a": 1}


def test_asking_gives_way_to_everything_else_on_the_host() -> None:
    question = Question("pve01", ("python3", "-c", "import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)"))
    assert asked(HereIsEveryHost(), question)[question].output == "True\n"


VTYSH = """#!/bin/sh
echo "$#" >> "$STARTS"
for word; do
  case "$word" in
    -c) ;;
    *broken*) echo "% Unknown command: $word"; exit 1 ;;
    *) printf '{\n  "said":"%s",\n  "brace":"}{"\n}\n\n' "$word" ;;
  esac
done
"""


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vtysh that notes each start."""
    vtysh = tmp_path / "vtysh"
    vtysh.write_text(VTYSH)
    vtysh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STARTS", str(tmp_path / "starts"))
    return tmp_path / "starts"


def vtysh(command: str) -> Question:
    return Question("pve01", ("vtysh", "-c", command))


def test_one_vtysh_answers_many_questions_and_each_gets_its_own_answer(starts: Path) -> None:
    questions = [vtysh(f"show {number} json") for number in range(evidence.BATCH + 2)]
    said = asked(HereIsEveryHost(), *questions)
    assert [said[question].json()["said"] for question in questions] == [question.argv[2] for question in questions]
    assert said[questions[0]].output == '{\n  "said":"show 0 json",\n  "brace":"}{"\n}\n'
    assert starts.read_text().split() == [str(2 * evidence.BATCH), "4"]


def test_where_one_of_many_fails_each_is_asked_by_itself(starts: Path) -> None:
    first, broken, last = vtysh("show 1 json"), vtysh("show broken json"), vtysh("show 3 json")
    said = asked(HereIsEveryHost(), first, broken, last)
    assert (said[first].status, said[broken].status, said[last].status) == (0, 1, 0)
    assert said[broken].output.startswith("% Unknown command")
    assert said[last].json()["said"] == "show 3 json"
    assert starts.read_text().split() == ["6", "2", "2", "2"]


def test_what_does_not_answer_in_json_has_a_vtysh_of_its_own(starts: Path) -> None:
    said = asked(HereIsEveryHost(), vtysh("show version"), vtysh("show 1 json"))
    assert len(said) == 2
    assert starts.read_text().split() == ["2", "2"]

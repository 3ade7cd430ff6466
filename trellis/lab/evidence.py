"""Asking a lab's nodes many questions at once, and keeping every answer as it was given.

Hosts are slow one-CPU kernels, and a login costs more than most commands: so each host is logged in to once per
round, with a small program that runs the whole list there.  Judging the answers is done in `trellis.lab.proof`.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from trellis.lab.errors import LabError
from trellis.lab.speaker import Speaker
from trellis.lab.ssh import Access

QUESTION_LIMIT_S = 30.0
"""Seconds that one command may take; a frr-reload --test of a large host needs 3 s in a host's kernel."""
AT_ONCE = 4
"""Commands that a node runs at the same time, of those that may: more would only wait for its one CPU."""


@dataclass(frozen=True, slots=True)
class Question:
    """A command that a node is to run.

    Args:
        node: The host or edge.
        argv: The command and its arguments; no shell is involved.
        at_once: Whether it may run beside others, as something that mostly waits (a ping) should.
    """

    node: str
    argv: tuple[str, ...]
    at_once: bool = False

    @property
    def command(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.argv)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node said.

    Args:
        question: What it was asked.
        status: Exit status; 124 if its time was up, 127 if there is no such command.
        output: Standard output, untouched.
        errors: Standard error, untouched; or why there was no answer.
        seconds: How long it took on the node.
    """

    question: Question
    status: int
    output: str
    errors: str = ""
    seconds: float = 0.0

    def json(self) -> Any:
        """The output as JSON; None where it is none (a daemon that is away answers in words)."""
        try:
            return json.loads(self.output)
        except ValueError:
            return None


class Evidence(Mapping[Question, Answer]):
    """The answers of one round, by question; a question that nobody answered has an answer that says so."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = {answer.question: answer for answer in answers}

    def __getitem__(self, question: Question) -> Answer:
        if (found := self._answers.get(question)) is not None:
            return found
        return Answer(question, 127, "", "was not asked")

    def __iter__(self) -> Iterator[Question]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __or__(self, other: Evidence) -> Evidence:
        """Both rounds; the other's answers win."""
        return Evidence((*self.values(), *other.values()))


# Runs on a host by `python3 -`: only what Debian's python3-minimal brings, and nothing is left behind.
_RUNNER = """
import json, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
def ask(entry):
    began = time.monotonic()
    try:
        done = subprocess.run(entry["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=entry["limit_s"], errors="replace")
        said = [done.returncode, done.stdout, done.stderr]
    except FileNotFoundError as error:
        said = [127, "", str(error)]
    except subprocess.TimeoutExpired:
        said = [124, "", "no end after %g s" % entry["limit_s"]]
    return [*said, round(time.monotonic() - began, 3)]
together = [entry for entry in ASKED if entry["at_once"]]
answers = {}
with ThreadPoolExecutor(AT_ONCE) as pool:
    answers.update(zip([entry["number"] for entry in together], pool.map(ask, together)))
for entry in ASKED:
    if not entry["at_once"]:
        answers[entry["number"]] = ask(entry)
json.dump(answers, sys.stdout)
"""


def gather(access: Access, edges: Mapping[str, Speaker], questions: Iterable[Question]) -> Evidence:
    """Ask every node its questions, all nodes at the same time.

    Args:
        access: The way in to the hosts.
        edges: The edges by name.
        questions: In any order; the same one twice is asked once.

    Returns:
        The answers.  A node that can't be reached leaves its questions without one.
    """
    by_node: dict[str, dict[Question, None]] = {}
    for question in questions:
        by_node.setdefault(question.node, {})[question] = None

    def ask(entry: tuple[str, dict[Question, None]]) -> list[Answer]:
        node, asked = entry
        try:
            return ask_edge(edges[node], list(asked)) if node in edges else ask_host(access, node, list(asked))
        except LabError as error:
            return [Answer(question, 255, "", f"{node} could not be asked: {error}") for question in asked]

    with ThreadPoolExecutor(max_workers=max(1, len(by_node))) as pool:
        return Evidence(answer for answers in pool.map(ask, by_node.items()) for answer in answers)


def ask_host(access: Access, host: str, questions: Sequence[Question]) -> list[Answer]:
    """Ask one host, over one connection.

    Raises:
        LabError: It can't be reached, or has no Python.
    """
    asked = [
        {"number": number, "argv": question.argv, "at_once": question.at_once, "limit_s": QUESTION_LIMIT_S}
        for number, question in enumerate(questions)
    ]
    program = f"import json\nASKED = json.loads({json.dumps(asked)!r})\nAT_ONCE = {AT_ONCE}\n{_RUNNER}"
    limit_s = 30 + QUESTION_LIMIT_S * len(questions)
    done = access.run(host, "python3 -", stdin=program, timeout_s=limit_s)
    said: dict[str, list[Any]] = json.loads(done.stdout)
    return [Answer(question, *said[str(number)]) for number, question in enumerate(questions)]


def ask_edge(edge: Speaker, questions: Sequence[Question]) -> list[Answer]:
    """Ask an edge, which is a namespace of this machine: no login, one command after the other."""
    answers = []
    for question in questions:
        began = time.monotonic()
        done = edge.run(question.argv, timeout_s=QUESTION_LIMIT_S, check=False)
        seconds = round(time.monotonic() - began, 3)
        answers.append(Answer(question, done.returncode, done.stdout, done.stderr, seconds))
    return answers

"""Asking a lab's nodes many questions at once, and keeping every answer as it was given.

Hosts are slow one-CPU kernels, and a login costs more than most commands: so each host is logged in to once per
round, with a small program that runs the whole list there; an edge, which is no machine, runs the same program.
Judging the answers is done in `trellis.lab.proof`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from trellis.lab.errors import LabError
from trellis.lab.processes import run
from trellis.lab.speaker import Speaker
from trellis.lab.ssh import Access

QUESTION_LIMIT_S = 30.0
"""Seconds that one command may take; a frr-reload --test of a large host needs 3 s in a host's kernel."""
ROUND_LIMIT_S = 300.0
"""Seconds that a node may take for all of its questions; the development site's hosts need 4."""
AT_ONCE = 4
"""Commands that a node runs at the same time, of those that may: more would only wait for its one CPU."""
WAITING_AT_ONCE = 24
"""The same for commands that wait for what must not come."""

BATCH = 16
"""Questions that one vtysh is given: enough to make its start cheap, few enough for the time limit of a command."""


@dataclass(frozen=True, slots=True)
class Question:
    """A command that a node is to run.

    Args:
        node: The host or edge.
        argv: The command and its arguments; no shell is involved.
        at_once: Whether it may run beside others, as something that mostly waits (a ping) should.
        stdin: What it reads from its standard input; two that differ in it alone are the same question.
        moment: Tells the same command asked twice apart; one that begins with `before` is asked before those that run
            beside others, any other after them.
    """

    node: str
    argv: tuple[str, ...]
    at_once: bool = False
    stdin: str = field(default="", repr=False, compare=False)
    moment: str = ""

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
#
# It gives way to everything else on the host (SCHED_IDLE): asking must not starve the BFD that it asks about.
# vtysh costs more to start than to answer, so its questions go to one vtysh, whose output is parted again where one
# JSON document ends and the next begins; should that not come out even, each is asked by itself.
_RUNNER = """
import json, os, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
def run(argv, stdin=""):
    began = time.monotonic()
    try:
        done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT_S, encoding="utf-8", errors="replace")
        said = [done.returncode, done.stdout, done.stderr]
    except FileNotFoundError as error:
        said = [127, "", str(error)]
    except subprocess.TimeoutExpired:
        said = [124, "", "no end after %g s" % LIMIT_S]
    return [*said, round(time.monotonic() - began, 3)]
def parted(text):
    parts, start, decoder = [], 0, json.JSONDecoder()
    while text[start:].strip():
        first = len(text) - len(text[start:].lstrip())
        start = decoder.raw_decode(text, first)[1]
        parts.append(text[first:start] + "\\n")
    return parts
def run_vtysh(lines):
    status, output, errors, seconds = run(["vtysh", *(word for line in lines for word in ("-c", line))])
    try:
        parts = parted(output)
    except ValueError:
        parts = []
    if status or errors or len(parts) != len(lines):
        return [run(["vtysh", "-c", line]) for line in lines]
    return [[0, part, "", round(seconds / len(lines), 3)] for part in parts]
def is_vtysh(entry):
    return entry["argv"][:2] == ["vtysh", "-c"] and len(entry["argv"]) == 3 and entry["argv"][2].endswith(" json")
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
first = [entry for entry in ASKED if entry["moment"].startswith("before")]
answers = {entry["number"]: run(entry["argv"], entry["stdin"]) for entry in first}
together = [entry for entry in ASKED if entry["at_once"]]
with ThreadPoolExecutor(AT_ONCE) as pool:
    said = pool.map(lambda entry: run(entry["argv"], entry["stdin"]), together)
    answers.update(zip([entry["number"] for entry in together], said))
spoken = [entry for entry in ASKED if is_vtysh(entry) and entry["number"] not in answers]
for begin in range(0, len(spoken), BATCH):
    batch = spoken[begin:begin + BATCH]
    answers.update(zip([entry["number"] for entry in batch], run_vtysh([entry["argv"][2] for entry in batch])))
for entry in ASKED:
    if entry["number"] not in answers:
        answers[entry["number"]] = run(entry["argv"], entry["stdin"])
json.dump(answers, sys.stdout)
"""


def gather(
    access: Access, edges: Mapping[str, Speaker], questions: Iterable[Question], *, at_once: int = AT_ONCE
) -> Evidence:
    """Ask every node its questions, all nodes at the same time.

    Args:
        access: The way in to the hosts.
        edges: The edges by name.
        questions: In any order; the same one twice is asked once.
        at_once: How many of those that may run beside others a node runs at the same time.

    Returns:
        The answers.  A node that can't be reached leaves its questions without one.
    """
    by_node: dict[str, dict[Question, None]] = {}
    for question in questions:
        by_node.setdefault(question.node, {})[question] = None

    def ask(entry: tuple[str, dict[Question, None]]) -> list[Answer]:
        node, asked = entry
        try:
            return _ask(access, edges, node, list(asked), at_once)
        except LabError as error:
            return [Answer(question, 255, "", f"{node} could not be asked: {error}") for question in asked]

    with ThreadPoolExecutor(max_workers=max(1, len(by_node))) as pool:
        return Evidence(answer for answers in pool.map(ask, by_node.items()) for answer in answers)


def _ask(
    access: Access, edges: Mapping[str, Speaker], node: str, questions: Sequence[Question], at_once: int
) -> list[Answer]:
    asked = [
        {
            "number": number,
            "argv": question.argv,
            "at_once": question.at_once,
            "stdin": question.stdin,
            "moment": question.moment,
        }
        for number, question in enumerate(questions)
    ]
    program = f"import json\nASKED = json.loads({json.dumps(asked)!r})\n"
    program += f"AT_ONCE, BATCH, LIMIT_S = {at_once}, {BATCH}, {QUESTION_LIMIT_S}\n{_RUNNER}"
    if node in edges:
        done = run(edges[node].enter("python3", "-"), stdin=program, timeout_s=ROUND_LIMIT_S)
    else:
        done = access.run(node, ["python3", "-"], stdin=program, timeout_s=ROUND_LIMIT_S)
    try:
        said: dict[str, list[Any]] = json.loads(done.stdout)
    except ValueError as error:
        raise LabError(node, why=f"its answers can't be read: {error}", remedy=f"trellis lab shell {node}") from error
    return [Answer(question, *said[str(number)]) for number, question in enumerate(questions)]

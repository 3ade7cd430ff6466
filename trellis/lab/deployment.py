"""A run of the program on the engine, seen from outside: what is asked, what comes back, and where it runs.

The run itself is in `trellis.lab.program`, the only one of the two that imports pulumi. It can happen in
this process, or in a network namespace: then a Python of its own is started there, which reads the request
as JSON on standard input and answers line by line on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

Operation = Literal["preview", "up", "refresh", "drift", "destroy", "outputs"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

# Commands of one host share its sshd: MaxStartups 10:30:100 refuses some of more than ten at once.
DEFAULT_PARALLEL = 8

# How long an interrupted run may take to end: longer than a host's commit (120 s), and once it is killed.
_FINISH_S = 150.0
_KILLED_S = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """What to run.

    Args:
        operation: `preview`, `up`, `refresh` (take what is there into the state), `drift` (only say what a
            refresh would change), `destroy`, or `outputs`.
        project_dir: The folder of Pulumi.yaml and `__main__.py`.
        stack: The stack's name.
        work_dir: A folder of the run's own: copies of the settings, the state, the engine's home.
        passphrase: What the stack's secrets are encrypted with.
        engine: The `pulumi` executable.
        plugin_dir: The launchers of stand-in plugins, put first on the engine's PATH; None for none.
        plugin_home: The Pulumi home that holds real plugins; None for none.
        config: The stack's configuration in place of the stack file's `config`, keys with their namespace;
            None takes the stack file as it is.
        secrets: Configuration that is encrypted into the work folder's copy, by key.
        prefixes: The text of the prefix file that goes with `config`; None for none.
        environment: More variables for the engine, its plugins and the program.
        parallel: How many resource operations run at once, 1 or more.
        policy_pack: The folder of a Pulumi policy pack that judges a preview or an up; None for none.
        policy_pack_config: The JSON file of what it is given; None for nothing.
    """

    operation: Operation
    project_dir: Path
    stack: str
    work_dir: Path
    passphrase: str = field(repr=False)
    engine: Path
    plugin_dir: Path | None = None
    plugin_home: Path | None = None
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    prefixes: str | None = field(default=None, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    parallel: int = DEFAULT_PARALLEL
    policy_pack: Path | None = None
    policy_pack_config: Path | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, or would be, to one resource.

    Args:
        op: The engine's word: create, update, delete, replace, create-replacement, delete-replaced, ...
        type: The resource's type token.
        name: Its name.
        urn: Its URN.
        paths: The property paths that differ, for an update or a replacement.
    """

    op: str
    type: str
    name: str
    urn: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A stack output.

    Args:
        value: Its value.
        secret: Whether it is secret; its value is then left out of repr.
    """

    value: Any
    secret: bool

    def __repr__(self) -> str:
        return f"Output({'[secret]' if self.secret else repr(self.value)}, secret={self.secret})"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did.

    Args:
        operation: What was asked.
        changes: How many resources by the engine's word (same, create, update, delete, replace, ...), the
            stack itself counted with them, as `pulumi` prints it.
        steps: Each resource that is not the same, in the order of the engine's steps; neither the stack
            nor the providers are among them.
        outputs: The stack's outputs after the run; empty for a preview.
        diff: The text of `preview --diff`; empty for other operations.
        seconds: Wall time.
    """

    operation: Operation
    changes: Mapping[str, int]
    steps: tuple[Step, ...]
    outputs: Mapping[str, Output]
    diff: str
    seconds: float

    @property
    def unchanged(self) -> bool:
        """Whether nothing was, or would be, changed."""
        return not any(count for op, count in self.changes.items() if op not in ("same", "refresh", "read"))


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that the engine reported.

    Args:
        name: The resource's name; empty for the program or the stack itself.
        urn: Its URN; empty likewise.
        message: The engine's text.
    """

    name: str
    urn: str
    message: str


class DeploymentError(Exception):
    """A run failed.

    Args:
        operation: What was asked.
        problems: What the engine reported, in order.
        remedy: What to do about it; empty if the problems say it.
    """

    def __init__(self, operation: str, problems: tuple[Problem, ...], remedy: str = "") -> None:
        lines = [f"{one.name}: {one.message}" if one.name else one.message for one in problems]
        super().__init__("\n".join([f"{operation} failed", *lines, *([remedy] if remedy else [])]))
        self.operation = operation
        self.problems = problems
        self.remedy = remedy


def run_in_namespace(request: Request, namespace: str, say: Callable[[str], None]) -> Result:
    """Run the program inside of a network namespace, where the lab's hosts can be reached.

    Args:
        request: What to run; engine and plugins have been found outside, where there may be internet.
        namespace: The name of the namespace (`ip netns`); its loopback is brought up, as the engine and
            its plugins talk over it.
        say: Where progress goes.

    Returns:
        The result.

    Raises:
        DeploymentError: If the run failed.
    """
    subprocess.run(["ip", "-n", namespace, "link", "set", "lo", "up"], check=True)
    return run_in_child(request, say, before=("ip", "netns", "exec", namespace))


def run_in_child(request: Request, say: Callable[[str], None], *, before: tuple[str, ...] = ()) -> Result:
    """Run the program in a Python process of its own.

    Args:
        request: What to run.
        say: Where progress goes.
        before: What the child's command begins with, for example `ip netns exec NAME`.

    Returns:
        The result.

    Raises:
        DeploymentError: If the run failed, or the child ended without an answer.
    """
    argv = [*before, sys.executable, "-P", "-m", "trellis.lab.program"]
    search = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search.rstrip(os.pathsep)},
        start_new_session=True,
    ) as child:
        try:
            answer = _converse(child, request, say)
        except BaseException:
            _interrupt(child, say)
            raise
    if answer is None:
        problem = Problem("", "", f"the run's process ended with status {child.returncode} and no answer")
        raise DeploymentError(request.operation, (problem,))
    if "error" in answer:
        raise error_from_json(answer["error"])
    return result_from_json(answer["result"])


def _converse(child: subprocess.Popen[str], request: Request, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Hand the request over, pass progress on, and return the answer."""
    answer: dict[str, Any] | None = None
    if child.stdin is None or child.stdout is None:  # Popen was given pipes: this only narrows the types
        return None
    with child.stdin:
        child.stdin.write(request_to_json(request))
    child.stdin = None  # or `communicate` would flush it once more
    for line in child.stdout:
        message = json.loads(line)
        if "say" in message:
            say(message["say"])
        else:
            answer = message
    return answer


def _interrupt(child: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """End a child and the engine below it: first as Ctrl-C would, so that the engine saves its state.

    An engine finishes the operations that it has begun, and a host's commit may take a while; whoever
    presses Ctrl-C once more wants it killed.
    """
    say("interrupted: the engine finishes what it has begun (Ctrl-C once more kills it)")
    for sign, patience_s in ((signal.SIGINT, _FINISH_S), (signal.SIGKILL, _KILLED_S)):
        try:
            os.killpg(child.pid, sign)
            child.communicate(timeout=patience_s)
        except ProcessLookupError:
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue


def request_to_json(request: Request) -> str:
    """A request as JSON; it holds the passphrase and secrets, so it goes through a pipe and to no file.

    Args:
        request: The request.

    Returns:
        One JSON document.
    """
    return json.dumps(asdict(request), default=str)


_PATHS = ("project_dir", "work_dir", "engine", "plugin_dir", "plugin_home", "policy_pack", "policy_pack_config")


def request_from_json(text: str) -> Request:
    """The request of `request_to_json`.

    Args:
        text: The JSON document.

    Returns:
        The request.
    """
    fields = json.loads(text)
    for name in _PATHS:
        if fields[name] is not None:
            fields[name] = Path(fields[name])
    return Request(**fields)


def result_to_json(result: Result) -> dict[str, Any]:
    """A result as a JSON value.

    Args:
        result: The result.

    Returns:
        The value.
    """
    return asdict(result)


def result_from_json(value: Mapping[str, Any]) -> Result:
    """The result of `result_to_json`.

    Args:
        value: The JSON value.

    Returns:
        The result.
    """
    return Result(
        operation=value["operation"],
        changes=value["changes"],
        steps=tuple(Step(**{**one, "paths": tuple(one["paths"])}) for one in value["steps"]),
        outputs={name: Output(**one) for name, one in value["outputs"].items()},
        diff=value["diff"],
        seconds=value["seconds"],
    )


def error_to_json(error: DeploymentError) -> dict[str, Any]:
    """An error as a JSON value.

    Args:
        error: The error.

    Returns:
        The value.
    """
    return {
        "operation": error.operation,
        "problems": [asdict(one) for one in error.problems],
        "remedy": error.remedy,
    }


def error_from_json(value: Mapping[str, Any]) -> DeploymentError:
    """The error of `error_to_json`.

    Args:
        value: The JSON value.

    Returns:
        The error.
    """
    return DeploymentError(value["operation"], tuple(Problem(**one) for one in value["problems"]), value["remedy"])

"""Runs the very same `__main__.py` on the real engine, as an inline program of the Automation API.

The run has a folder of its own with copies of Pulumi.yaml and the stack file: the Automation API rewrites
the stack file that it finds, and the repository's must stay as it is. State is a file backend in that
folder (`trellis.lab.stack_folder`). `python -m trellis.lab.program` is the same run in a process of its own,
JSON in and out (`trellis.lab.deployment`). Finding the engine and the plugins is elsewhere (`trellis.engine`,
`trellis.lab.plugins.launchers`).
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trellis.lab import deployment, stack_folder
from trellis.lab.deployment import DeploymentError, Output, Problem, Request, Result
from trellis.lab.engine_events import Watcher, told_once

if TYPE_CHECKING:
    from pulumi.automation import Stack


def run(request: Request, say: Callable[[str], None]) -> Result:
    """Run one operation in this process.

    Args:
        request: What to run.
        say: Where progress goes, one line at a time.

    Returns:
        What was done.

    Raises:
        DeploymentError: If the engine, the program or a resource reported an error; nothing is hidden in
            a traceback.
    """
    started = time.monotonic()
    with stack_folder.alone(request):
        stack_folder.prepare(request)
        watcher = Watcher(say, refreshing=request.operation in ("refresh", "drift"))
        stack = _stack(request, say)
        stack_folder.encrypt(request)
        diff, outputs = _operate(stack, request, watcher, say)
    seconds = round(time.monotonic() - started, 3)
    return Result(request.operation, watcher.changes, tuple(watcher.steps), outputs, diff, seconds)


def _stack(request: Request, say: Callable[[str], None]) -> Stack:
    """Select the stack, or make it at the first run."""
    from pulumi import automation  # noqa: PLC0415  (0.3 s that `--help` need not pay)

    say(f"{request.operation}: starting the engine")
    environment = stack_folder.environment(request)
    # The Automation API reads some of these from its own process, and so does the program.
    os.environ.update(environment)
    try:
        return automation.create_or_select_stack(
            stack_name=request.stack,
            program=lambda: _program(request),
            project_name=str(stack_folder.settings_of(request.work_dir / "Pulumi.yaml").get("name", "trellis")),
            # The folder goes in here: as an argument of its own it would mean a program that is not inline.
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(request.work_dir),
                pulumi_home=str(request.work_dir / "home"),
                env_vars=environment,
                pulumi_command=_command(request.engine, environment),
            ),
        )
    except automation.CommandError as error:
        raise _failure(request, [], error) from None


def _command(engine: Path, environment: Mapping[str, str]) -> Any:
    """The engine found, in the form that the Automation API takes: it would look for ROOT/bin/pulumi."""
    from pulumi.automation import PulumiCommand  # noqa: PLC0415
    from semver import VersionInfo  # noqa: PLC0415

    command = PulumiCommand.__new__(PulumiCommand)
    command.command = str(engine)
    argv = [str(engine), "version"]
    answer = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    command.version = VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
    return command


def _program(request: Request) -> None:
    """The inline program: the project's own `__main__.py`, found as `pulumi up` would find it."""
    from pulumi.runtime.settings import SETTINGS  # noqa: PLC0415

    # Where the stack's files are, which `pulumi up` tells a program and the Automation API does not.
    SETTINGS.root_directory = str(request.work_dir)
    project_dir = request.project_dir
    if str(project_dir) not in sys.path:
        sys.path.insert(0, str(project_dir))
    runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")


def _operate(
    stack: Stack, request: Request, watcher: Watcher, say: Callable[[str], None]
) -> tuple[str, dict[str, Output]]:
    """Run the operation; returns the diff text of a preview, and the outputs that the stack has then."""
    from pulumi import automation  # noqa: PLC0415

    common: dict[str, Any] = {"on_event": watcher, "color": "never"}
    try:
        try:
            return _once(stack, request, common)
        except automation.ConcurrentUpdateError:
            stack_folder.refuse_living_holder(request)
            say("a run before this one was killed; its lock is taken over")
            stack.cancel()
            return _once(stack, request, common)
    except automation.CommandError as error:
        raise _failure(request, watcher.problems, error) from None


def _once(stack: Stack, request: Request, common: dict[str, Any]) -> tuple[str, dict[str, Output]]:
    """The operation itself."""
    if request.operation in ("preview", "up") and request.policy_pack is not None:
        config = request.policy_pack_config
        common = {**common, "policy_packs": [str(request.policy_pack)]}
        common |= {"policy_pack_configs": [str(config)]} if config is not None else {}
    if request.operation == "preview":
        preview = stack.preview(diff=True, parallel=request.parallel, suppress_progress=True, **common)
        return str(preview.stdout), {}
    if request.operation == "drift":
        stack.preview_refresh(parallel=request.parallel, **common)
        return "", {}
    if request.operation == "destroy":
        stack.destroy(parallel=request.parallel, **common)
        return "", {}
    if request.operation == "up":
        found = stack.up(parallel=request.parallel, **common).outputs
    else:
        if request.operation == "refresh":
            stack.refresh(parallel=request.parallel, **common)
        found = stack.outputs()
    return "", {name: Output(one.value, bool(one.secret)) for name, one in found.items()}


def _failure(request: Request, problems: list[Problem], error: Exception) -> DeploymentError:
    """The error of a run: what the engine reported, or else the end of what it printed."""
    told = told_once(problems)
    if not told:
        lines = [line for line in str(error).splitlines() if line.strip()]
        told = (Problem("", "", "\n".join(lines[-12:])),)
    return DeploymentError(request.operation, told)


def main() -> int:
    """One request on standard input, progress and the answer as JSON lines on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the program prints goes to standard error, not between the answers

    one_at_a_time = threading.Lock()  # events arrive on a thread of their own

    def send(message: dict[str, Any]) -> None:
        with one_at_a_time:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

    request = deployment.request_from_json(sys.stdin.read())
    # An interrupt is the engine's to handle: it finishes what it has begun and saves its state, and needs the
    # program's end of the connection until then. A handler, as an ignored signal would be so for the engine too.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        result = run(request, lambda text: send({"say": text}))
    except DeploymentError as error:
        send({"error": deployment.error_to_json(error)})
        return 1
    send({"result": deployment.result_to_json(result)})
    return 0


if __name__ == "__main__":
    status = main()
    # After a failed run the Automation API leaves threads behind that wait for an engine that is gone; a
    # regular exit would wait for them. Nothing is open any more that a regular exit would close.
    sys.stderr.flush()
    os._exit(status)

"""Runs the very same `__main__.py` on the real engine, as an inline program of the Automation API.

The run has a folder of its own with copies of Pulumi.yaml and the stack file: the Automation API rewrites
the stack file that it finds, and the repository's must stay as it is. State is a file backend in that
folder. `python -m trellis.lab.program` is the same run in a process of its own, JSON in and out
(`trellis.lab.deployment`). Finding the engine and the plugins is elsewhere (`trellis.engine`,
`trellis.lab.plugins.launchers`).
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from trellis.lab import deployment
from trellis.lab.deployment import DeploymentError, Output, Problem, Request, Result, Step

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent, Stack

_UNCHANGED = frozenset(("same", "refresh", "read"))
# What the engine says of each launcher, twice a run; `plugins()` has said it once already.
_NOISE = "using pulumi-resource-"
_SUMMARIES = frozenset(("update failed", "preview failed", "refresh failed", "destroy failed"))
_BUSY = "another run uses this stack"


class Watcher:
    """Listens to the engine's events: tells of progress, and keeps what the result needs."""

    def __init__(self, say: Callable[[str], None], *, refreshing: bool) -> None:
        self._say = say
        self._refreshing = refreshing
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.changes: dict[str, int] = {}

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata, planning=bool(event.resource_pre_event.planning))
        elif event.res_outputs_event is not None and self._refreshing:
            # What a refresh found is known only after it has looked; before, every step is a "refresh".
            self._step(event.res_outputs_event.metadata, planning=True)
        elif event.diagnostic_event is not None:
            self._diagnostic(event.diagnostic_event)
        elif event.summary_event is not None:
            self.changes = {
                str(getattr(op, "value", op)): count for op, count in event.summary_event.resource_changes.items()
            }

    def _step(self, metadata: Any, *, planning: bool) -> None:
        """Note a step that changes something, and say it while it is done."""
        step = _step(metadata, op=str(metadata.op.value))
        if step.op in _UNCHANGED or step.type.startswith("pulumi:"):
            return  # the stack itself and the providers are the engine's own
        self.steps.append(step)
        if not planning:
            self._say(f"{step.op} {step.name} ({step.type})")

    def _diagnostic(self, event: Any) -> None:
        """Pass on what the program and the plugins say; keep errors."""
        name = _name(event.urn or "")
        text = str(event.message).rstrip()
        if event.severity == "error":
            self.problems.append(Problem(name, event.urn or "", text))
        elif text and event.severity != "debug" and not text.startswith(_NOISE):
            self._say(f"{name}: {text}" if name else text)


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
    with _alone(request):
        _prepare(request)
        watcher = Watcher(say, refreshing=request.operation in ("refresh", "drift"))
        stack = _stack(request, say)
        _encrypt(request)
        diff, outputs = _operate(stack, request, watcher, say)
    seconds = round(time.monotonic() - started, 3)
    return Result(request.operation, watcher.changes, tuple(watcher.steps), outputs, diff, seconds)


def _prepare(request: Request) -> None:
    """Lay out the run's own folder: settings copied, state and home made."""
    work = request.work_dir
    for folder in (work, work / "state", work / "home"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    if request.plugin_home is not None and not (work / "home" / "plugins").exists():
        (request.plugin_home / "plugins").mkdir(parents=True, exist_ok=True)
        (work / "home" / "plugins").symlink_to(request.plugin_home / "plugins")
    shutil.copyfile(request.project_dir / "Pulumi.yaml", work / "Pulumi.yaml")
    name = f"Pulumi.{request.stack}.yaml"
    settings = _yaml(request.project_dir / name)
    if request.config is not None:
        settings["config"] = json.loads(json.dumps(request.config))
    if "encryptionsalt" not in settings:
        # The engine made a salt at the first run; with another one it could not read its own secrets.
        earlier = _yaml(work / name).get("encryptionsalt")
        settings |= {"encryptionsalt": earlier} if earlier else {}
    _write(work / name, yaml.safe_dump(settings, sort_keys=False))


def _stack(request: Request, say: Callable[[str], None]) -> Stack:
    """Select the stack, or make it at the first run."""
    from pulumi import automation  # noqa: PLC0415  (0.3 s that `--help` need not pay)

    say(f"{request.operation}: starting the engine")
    environment = _environment(request)
    # The Automation API reads some of these from its own process, and so does the program.
    os.environ.update(environment)
    try:
        return automation.create_or_select_stack(
            stack_name=request.stack,
            program=lambda: _program(request.project_dir),
            project_name=str(_yaml(request.work_dir / "Pulumi.yaml").get("name", "trellis")),
            # The folder goes in here: as an argument of its own it would mean a program that is not inline.
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(request.work_dir),
                pulumi_home=str(request.work_dir / "home"),
                env_vars=environment,
                pulumi_command=_command(request.engine),
            ),
        )
    except automation.CommandError as error:
        raise _failure(request, [], error) from None


def _command(engine: Path) -> Any:
    """The engine found, in the form that the Automation API takes: it would look for ROOT/bin/pulumi."""
    from pulumi.automation import PulumiCommand  # noqa: PLC0415
    from semver import VersionInfo  # noqa: PLC0415

    command = PulumiCommand.__new__(PulumiCommand)
    command.command = str(engine)
    answer = subprocess.run([str(engine), "version"], capture_output=True, text=True, check=True).stdout
    command.version = VersionInfo.parse(answer.strip().removeprefix("v"))
    return command


def _environment(request: Request) -> dict[str, str]:
    """The variables of the engine, its plugins and the program."""
    path = os.environ.get("PATH", os.defpath)
    if request.plugin_dir is not None and str(request.plugin_dir) not in path.split(os.pathsep):
        path = f"{request.plugin_dir}{os.pathsep}{path}"
    acquisition = {} if request.plugin_dir is None else {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    return {
        "PATH": path,
        "PULUMI_HOME": str(request.work_dir / "home"),
        "PULUMI_BACKEND_URL": f"file://{request.work_dir / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": request.passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_ERROR_OUTPUT_STRING": "true",
        **acquisition,
        **request.environment,
    }


def _program(project_dir: Path) -> None:
    """The inline program: the project's own `__main__.py`, found as `pulumi up` would find it."""
    if str(project_dir) not in sys.path:
        sys.path.insert(0, str(project_dir))
    runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")


def _encrypt(request: Request) -> None:
    """Encrypt the secrets into the copy of the stack file; through a pipe, as arguments show in `ps`.

    Each one costs a start of the engine, so one that is unchanged is left as it is.
    """
    stack_file = request.work_dir / f"Pulumi.{request.stack}.yaml"
    marks_file = request.work_dir / "secrets.json"
    marks = json.loads(marks_file.read_text(encoding="utf-8")) if marks_file.is_file() else {}
    settings = _yaml(stack_file)
    for key, value in request.secrets.items():
        mark = hmac.digest(request.passphrase.encode(), f"{key}={value}".encode(), "sha256").hex()
        if marks.get(key, {}).get("mark") != mark:
            marks[key] = {"mark": mark, "secure": _encrypted(request, stack_file, key, value)}
            # Setting one made the salt, if there was none.
            settings |= {"encryptionsalt": _yaml(stack_file)["encryptionsalt"]}
        settings.setdefault("config", {})[key] = marks[key]["secure"]
    _write(stack_file, yaml.safe_dump(settings, sort_keys=False))
    _write(marks_file, json.dumps(marks))


def _encrypted(request: Request, stack_file: Path, key: str, value: str) -> dict[str, str]:
    """One secret as it stands in a stack file."""
    argv = [str(request.engine), "config", "set", "--secret", "--non-interactive", key]
    done = subprocess.run(
        [*argv, "--stack", request.stack],
        input=value,
        text=True,
        capture_output=True,
        cwd=request.work_dir,
        env={**os.environ, **_environment(request)},
        check=False,
    )
    if done.returncode != 0:
        problem = Problem("", "", f"setting the secret {key}: {done.stderr.strip()}")
        raise DeploymentError(request.operation, (problem,))
    return dict(_yaml(stack_file)["config"][key])


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
            _take_over(stack, request, say)
            return _once(stack, request, common)
    except automation.CommandError as error:
        raise _failure(request, watcher.problems, error) from None


def _take_over(stack: Stack, request: Request, say: Callable[[str], None]) -> None:
    """Remove the engine's lock on the state if the engine that took it is no more.

    We hold the folder's own lock, but the engine of a killed run may live on for a while.
    """
    locks = sorted((request.work_dir / "state" / ".pulumi" / "locks").rglob("*.json"))
    for holder in [int(json.loads(path.read_text(encoding="utf-8"))["pid"]) for path in locks]:
        if _alive(holder):
            problem = Problem("", "", f"{_BUSY}: an engine of a killed run is still at work, process {holder}")
            raise DeploymentError(request.operation, (problem,), "wait for it to end, or end that process")
    say("a run before this one was killed; its lock is taken over")
    stack.cancel()


def _alive(pid: int) -> bool:
    """Whether a process is there and not a zombie, which has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _once(stack: Stack, request: Request, common: dict[str, Any]) -> tuple[str, dict[str, Output]]:
    """The operation itself."""
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
    told: list[Problem] = []
    for one in problems:
        # The engine sums up ("update failed"), and says a program's own error twice.
        repeats = any(other.message in one.message for other in told)
        if not repeats and (one.name or one.message not in _SUMMARIES):
            told.append(one)
    if told:
        return DeploymentError(request.operation, tuple(told))
    lines = [line for line in str(error).splitlines() if line.strip()]
    return DeploymentError(request.operation, (Problem("", "", "\n".join(lines[-12:])),))


@contextmanager
def _alone(request: Request) -> Iterator[None]:
    """Hold the run's folder, so that two runs on one stack don't meet."""
    request.work_dir.mkdir(parents=True, exist_ok=True)
    with (request.work_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = Problem("", "", f"{_BUSY}: {request.work_dir}")
            raise DeploymentError(request.operation, (problem,), "wait for it to end") from None
        yield


def _step(metadata: Any, *, op: str) -> Step:
    paths = tuple(sorted(metadata.detailed_diff or ()))
    return Step(op, str(metadata.type), _name(metadata.urn), str(metadata.urn), paths)


def _name(urn: str) -> str:
    """The name in a URN (`urn:pulumi:STACK::PROJECT::TYPE::NAME`)."""
    return urn.split("::", 3)[3] if urn.count("::") >= 3 else ""


def _yaml(path: Path) -> dict[str, Any]:
    """A settings file; empty if it is not there."""
    if not path.is_file():
        return {}
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def _write(path: Path, text: str) -> None:
    """Write a file whole, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)


def main() -> int:
    """One request on standard input, progress and the answer as JSON lines on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the program prints goes to standard error, not between the answers

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    request = deployment.request_from_json(sys.stdin.read())
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

"""The runner, the real engine and a command plugin against a real sshd: a program's whole life."""

from __future__ import annotations

import gc
import getpass
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ends.sshd import Sshd
from trellis.engine import Engine
from trellis.lab import program
from trellis.lab.deployment import (
    DeploymentError,
    Request,
    Result,
    request_from_json,
    request_to_json,
    run_in_namespace,
)
from trellis.lab.deployment import run_in_child as run
from trellis.lab.plugins.launchers import Plugins

pytestmark = pytest.mark.engine

PROGRAM = Path(__file__).parent / "programs" / "commands"
CANARY = "the-canary-of-these-tests"
CONFIG = "\n".join(f"line {number}" for number in range(40))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program's commands write, on the "host"."""
    made = tmp_path / "host"
    made.mkdir()
    return made


@pytest.fixture
def request_for(
    engine: Engine, provider_plugins: Plugins, sshd: Sshd, folder: Path, tmp_path: Path
) -> Callable[..., Request]:
    """Builds a request; keyword arguments change the program's configuration."""

    def build(operation: str = "up", **config: object) -> Request:
        return Request(
            operation=operation,  # type: ignore[arg-type]
            project_dir=PROGRAM,
            stack="dev",
            work_dir=tmp_path / "work",
            passphrase="correct horse",
            engine=engine.path,
            plugin_dir=provider_plugins.folder,
            plugin_home=provider_plugins.home,
            config={
                "tiny:port": sshd.port,
                "tiny:user": getpass.getuser(),
                "tiny:hostKey": sshd.host_key,
                "tiny:folder": str(folder),
                "tiny:files": {"a": CONFIG, "b": "b\n", "c": "c\n"},
                **{f"tiny:{name}": value for name, value in config.items()},
            },
            secrets={"tiny:privateKey": sshd.private_key, "tiny:canary": CANARY},
        )

    return build


def names(result: Result, op: str) -> list[str]:
    return sorted(step.name for step in result.steps if step.op == op)


def test_a_programs_whole_life(request_for: Callable[..., Request], sshd: Sshd, folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    repository = {path.name: path.read_bytes() for path in PROGRAM.iterdir() if path.is_file()}
    preview = run(request_for("preview"), said.append)
    assert names(preview, "create") == ["a", "b", "c"]
    assert (sshd.connections, list(folder.iterdir())) == (0, [])

    up = run(request_for("up"), said.append)
    assert names(up, "create") == ["a", "b", "c"]
    assert (folder / "a").read_text() == CONFIG
    assert sshd.logins == 3
    assert up.outputs["names"].value == ["a", "b", "c"]
    assert up.outputs["canary"].value == CANARY
    assert up.outputs["canary"].secret
    assert "create a (command:remote:Command)" in said
    assert "a: wrote a" in said

    again = run(request_for("up"), said.append)
    assert again.unchanged
    assert again.steps == ()
    assert sshd.connections == 3, "a run that changes nothing makes no connection"

    changed = CONFIG.replace("line 20\n", "line 20\nan inserted line\n")
    files = {"a": changed, "b": "b\n", "c": "c\n"}
    preview = run(request_for("preview", files=files), said.append)
    assert [(step.op, step.name, step.paths) for step in preview.steps] == [("update", "a", ("stdin",))]
    marked = [line.split(maxsplit=1) for line in preview.diff.splitlines() if line.strip().startswith(("+ ", "- "))]
    assert marked == [["+", "an inserted line"]], "stdin is shown as a line diff"
    run(request_for("up", files=files), said.append)
    assert (folder / "a").read_text() == changed
    assert sshd.logins == 4

    fewer = run(request_for("up", files={"a": changed}), said.append)
    assert names(fewer, "delete") == ["b", "c"]
    destroyed = run(request_for("destroy"), said.append)
    assert names(destroyed, "delete") == ["a"]
    assert list(folder.iterdir()) == []

    assert {path.name: path.read_bytes() for path in PROGRAM.iterdir() if path.is_file()} == repository
    files = [path.read_text(errors="replace") for path in (tmp_path / "work").rglob("*") if path.is_file()]
    everything = [*said, preview.diff, repr(up), *files]
    assert not [text for text in everything if CANARY in text or "BEGIN OPENSSH PRIVATE KEY" in text]


def test_a_wrong_host_key_fails_by_name_and_changes_nothing(
    request_for: Callable[..., Request], sshd: Sshd, folder: Path
) -> None:
    with pytest.raises(DeploymentError) as raised:
        run(request_for("up", hostKey=sshd.another_host_key), lambda _: None)
    mismatch = "after 1 failed attempts: ssh: handshake failed: ssh: host key mismatch"
    assert {one.message for one in raised.value.problems} == {mismatch}
    assert {one.name for one in raised.value.problems} <= {"a", "b", "c"}
    assert (list(folder.iterdir()), sshd.logins) == ([], 0)
    assert CANARY not in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_a_failing_command_keeps_the_old_state_and_runs_again(
    request_for: Callable[..., Request], sshd: Sshd, folder: Path
) -> None:
    run(request_for("up"), lambda _: None)
    with pytest.raises(DeploymentError) as raised:
        run(request_for("up", before="echo reason >&2; exit 7"), lambda _: None)
    assert raised.value.problems[0].message.startswith(
        'Process exited with status 7: running "echo reason >&2; exit 7;'
    )
    assert raised.value.problems[0].message.endswith(":\nreason")
    healed = run(request_for("up", before="echo again"), lambda _: None)
    assert names(healed, "update") == ["a", "b", "c"], "the failed one is not taken for done"


def test_a_mistake_in_the_program_is_told_once_without_a_traceback(request_for: Callable[..., Request]) -> None:
    broken = request_for("preview")
    config = {name: value for name, value in (broken.config or {}).items() if name != "tiny:folder"}
    with pytest.raises(DeploymentError) as raised:
        run(replace(broken, config=config), lambda _: None)
    assert len(raised.value.problems) == 1
    assert "Missing required configuration variable 'tiny:folder'" in str(raised.value)


def test_two_runs_on_one_stack_do_not_meet(request_for: Callable[..., Request]) -> None:
    slow = threading.Thread(target=run, args=(request_for("up", before="sleep 3"), lambda _: None))
    slow.start()
    try:
        time.sleep(0.5)
        with pytest.raises(DeploymentError, match="another run uses this stack"):
            run(request_for("preview"), lambda _: None)
    finally:
        slow.join()


def test_the_lock_of_a_killed_run_is_taken_over(request_for: Callable[..., Request], sshd: Sshd) -> None:
    """The whole group is killed as by a power cut: the engine leaves its lock behind."""
    child = subprocess.Popen(
        [sys.executable, "-m", "trellis.lab.program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert child.stdin is not None
    with child.stdin:
        child.stdin.write(request_to_json(request_for("up", before="sleep 60")))
    deadline = time.monotonic() + 60
    while sshd.logins < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    said: list[str] = []
    result = run(request_for("up"), said.append)
    assert names(result, "create") == ["a", "b", "c"]
    assert "a run before this one was killed; its lock is taken over" in said


def test_an_interrupted_run_finishes_what_it_has_begun(
    request_for: Callable[..., Request], sshd: Sshd, folder: Path
) -> None:
    """A process that runs the program as the lab does, and is told to stop while three commands are at work."""
    script = (
        # What a shell starts with `&` ignores SIGINT, and so would everything below it, these tests among them.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys\nfrom trellis.lab.deployment import request_from_json, run_in_child\n"
        "run_in_child(request_from_json(sys.stdin.read()), lambda text: print(text, flush=True))\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert caller.stdin is not None
    with caller.stdin:
        caller.stdin.write(request_to_json(request_for("up", before="sleep 4")))
    caller.stdin = None
    deadline = time.monotonic() + 60
    while sshd.logins < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    caller.send_signal(signal.SIGINT)
    said, errors = caller.communicate(timeout=60)
    assert errors.strip().endswith("KeyboardInterrupt"), "and no other error on the way out"
    assert "interrupted: the engine finishes what it has begun" in said
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "c"]
    assert run(request_for("up", before="sleep 4"), lambda _: None).unchanged, "all three stand in the state"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the Automation API leaves sockets
def test_one_process_can_preview_apply_and_find_nothing_to_do(request_for: Callable[..., Request], sshd: Sshd) -> None:
    ops = ["preview", "up", "up"]
    results = [program.run(request_for(operation), lambda _: None) for operation in ops]
    assert [len(result.steps) for result in results] == [3, 3, 0]
    assert sshd.logins == 3
    gc.collect()
    deadline = time.monotonic() + 5
    while _children() and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [command for command in _children() if "trellis.lab.plugins" in command or "pulumi" in command]
    assert not left, "plugins and engine end with the run"


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_a_run_happens_inside_of_the_network_namespace(request_for: Callable[..., Request]) -> None:
    namespace = f"tp-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        # Its loopback is not ours: our sshd can't be reached from there.
        with pytest.raises(DeploymentError, match="connection refused"):
            run_in_namespace(request_for("up"), namespace, lambda _: None)
    finally:
        subprocess.run(["ip", "netns", "delete", namespace], check=True)


def _children() -> list[str]:
    table = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return [line for line in table.stdout.splitlines() if not line.startswith("ps ")]


def test_a_request_survives_the_way_to_the_child(request_for: Callable[..., Request]) -> None:
    request = request_for("preview")
    assert request_from_json(request_to_json(request)) == request
    assert CANARY not in repr(request)
    assert json.loads(request_to_json(request))["secrets"]["tiny:canary"] == CANARY

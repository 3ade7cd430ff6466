"""The lock that lets one run at a time change a host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trellis.agent.lock import held_lock, holder, working_on
from trellis.agent.report import Fault

_HOLD = (
    "import sys, pathlib; from trellis.agent.lock import held_lock\n"
    "with held_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the lock."""
    argv = [sys.executable, "-c", _HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_who_holds_the_lock(tmp_path: Path, other) -> None:
    with pytest.raises(Fault, match=rf"process {other.pid}, for \d+ s"), held_lock(tmp_path / "lock"):
        pass
    assert holder(tmp_path / "lock").startswith(f"process {other.pid}, ")


def test_a_holder_that_has_not_said_yet_what_it_is_about_is_given_a_moment(tmp_path: Path, other) -> None:
    """Met once: the timer's run had taken the lock of a killed agent and not yet replaced its note."""
    note = {"pid": _dead(), "since_s": 0.0, "about": "a digest"}
    (tmp_path / "lock").write_text(json.dumps(note))
    assert working_on(tmp_path / "lock") == ""
    threading.Timer(0.3, other.kill).start()
    with held_lock(tmp_path / "lock"):
        assert other.wait(timeout=5) == -signal.SIGKILL


def _dead() -> int:
    """A process id that nobody has any more."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_the_lock_of_a_dead_process_is_recovered_and_said(tmp_path: Path, other) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(tmp_path / "lock") is None
    with held_lock(tmp_path / "lock") as said:
        assert said == f"recovered from process {other.pid}, which died holding it"


def test_a_lock_that_was_given_back_is_free_and_says_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with held_lock(tmp_path / "lock") as said:
            assert said == ""
            assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert holder(tmp_path / "lock") is None


def test_a_program_that_the_holder_starts_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with held_lock(tmp_path / "lock"):
        child = subprocess.Popen(["sleep", "60"])
    try:
        with held_lock(tmp_path / "lock"):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_link_in_the_lock_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(Fault), held_lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "precious").read_text() == "x"

"""Runs of cold processes, measured: what one run took, and what several in turn took in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_LAUNCHER = Path(__file__).with_name("launcher.py")


class BenchError(Exception):
    """A measurement that means nothing: a side failed, or the two wrote different bytes."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took, from before its exec to when its end was seen.

    Attributes:
        wall_s: Seconds by the clock.
        cpu_s: User and system seconds.
        peak_bytes: Most resident memory.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of several runs, figure by figure; ``fastest_s`` and ``slowest_s`` are wall seconds."""

    runs: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    fastest_s: float
    slowest_s: float

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Median:
        """Return the middle of ``runs``, of which there is at least one."""
        walls = [run.wall_s for run in runs]
        return cls(
            len(runs),
            round(median(walls), 4),
            round(median(run.cpu_s for run in runs), 4),
            max(run.peak_bytes for run in runs),
            round(min(walls), 4),
            round(max(walls), 4),
        )


class Launcher:
    """Runs commands one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self, argv: Sequence[str], standard_input: Path, standard_output: Path, standard_error: Path | None = None
    ) -> Run:
        """Run a command to its end.

        Args:
            argv: The command; its first word is a path.
            standard_input: What it reads.
            standard_output: Where its output goes.
            standard_error: Where what it says goes; ours if there is none.

        Raises:
            BenchError: If it fails; what it said is on standard error.
        """
        request = {"argv": list(argv), "standard_input": str(standard_input), "standard_output": str(standard_output)}
        if standard_error is not None:
            request["standard_error"] = str(standard_error)
        if self._process.stdin is None or self._process.stdout is None:  # Popen was given pipes: this narrows types
            raise BenchError("the launcher has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"status": "no answer"}')
        if answer["status"] != 0:
            raise BenchError(f"{' '.join(argv)}: ended with {answer['status']}")
        return Run(answer["wall_s"], answer["user_s"] + answer["system_s"], int(answer["peak_bytes"]))


@contextmanager
def launcher() -> Iterator[Launcher]:
    """Have a launcher for as long as the context lasts."""
    argv = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Launcher(process)
        if process.stdin is not None:
            process.stdin.close()

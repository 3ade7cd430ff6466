"""The program on the real engine beside an empty one with as many resources of the same kinds, in turn, in one call."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from trellis.bench.processes import BenchError, Launcher, Median, Run, launcher
from trellis.bench.sites import Size, site_data
from trellis.lab.deployment import DEFAULT_PARALLEL, Operation, Request, request_to_json

SIZES = (Size(3, 1), Size(8, 4))
REPETITIONS = 3
OPERATIONS: tuple[Operation, ...] = ("preview", "up")

MOST_TIMES_EMPTY = 1.25
"""Design section 13."""

EVENTS = {
    "start": "before the process is spawned that runs the program inline (Automation API); the stack is empty",
    "stop": "its end is seen: the engine has answered and ended",
    "program": "this repository's __main__.py with the site in its configuration",
    "empty": "as many resources of the same kinds, their SDKs imported, no input (trellis/bench/empty/__main__.py)",
    "plugins": "the same for both: every resource is made at once as it was asked for (trellis/bench/idle.py)",
    "peak": "largest resident set in any run: of the program's own process, and of the largest below it (the engine)",
}
"""What is measured, for whoever reads a figure."""

_PROJECT = Path(__file__).resolve().parents[2]
_EMPTY = Path(__file__).with_name("empty")
_SECRETS = {"trellis:sshPrivateKey": "reaches no host", "trellis:proxmoxApiToken": "reaches no Proxmox"}
_PLUGINS = {"command": "1.2.1", "proxmoxve": "8.6.0"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What one side has taken.

    Attributes:
        program_cpu_s: Processor seconds of the program's own process; the rest is the engine's and the plugins'.
    """

    time: Median
    program_cpu_s: float
    program_peak_bytes: int
    engine_peak_bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides in one operation at one size.

    Attributes:
        resources: How many resources each of the two has made, or would.
        ratio: The program's wall seconds by the empty one's, of the medians.
        cpu_ratio: The same of processor seconds, engine and plugins included.
    """

    size: str
    operation: str
    resources: int
    program: Taken
    empty: Taken
    ratio: float
    cpu_ratio: float


def compare(
    engine: Path, sizes: Sequence[Size], repetitions: int, say: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Measure the program and the empty one in turn, each in a stack of its own that is new each time.

    Args:
        engine: The `pulumi` executable.
        sizes: The sites.
        repetitions: Counted runs of each side, operation and size.
        say: Where progress goes.

    Raises:
        BenchError: If a run fails, or the two do not make as many resources.
    """
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        bench = _Bench(Path(folder), launch, engine)
        return tuple(one for size in sizes for one in bench.compared(size, repetitions, say))


@dataclass(frozen=True, slots=True)
class _Once:
    """One run of one side."""

    run: Run
    made: Mapping[str, int]
    program_cpu_s: float
    program_peak_bytes: int
    engine_peak_bytes: int


class _Bench:
    """Runs both programs."""

    def __init__(self, folder: Path, launch: Launcher, engine: Path) -> None:
        self._folder = folder
        self._launch = launch
        self._engine = engine
        self._plugins = folder / "plugins"
        self._plugins.mkdir()
        for name, version in _PLUGINS.items():
            script = self._plugins / f"pulumi-resource-{name}"
            argv = (sys.executable, "-P", "-m", "trellis.bench.idle", name, version)
            script.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n', encoding="utf-8")
            script.chmod(0o755)

    def compared(self, size: Size, repetitions: int, say: Callable[[str], None]) -> list[Comparison]:
        site = {"trellis:site": site_data(size)}
        # Not counted: it fills the system's cache, and says how many resources of which kinds there are.
        made = self._pass(_PROJECT, site, f"{size}-first")[0].made
        empty = {"trellis:resources": made}
        programs: list[list[_Once]] = [[] for _ in OPERATIONS]
        empties: list[list[_Once]] = [[] for _ in OPERATIONS]
        for repetition in range(repetitions):
            say(f"{size}: {sum(made.values())} resources, program and empty program, {repetition + 1} of {repetitions}")
            for runs, project, config in ((programs, _PROJECT, site), (empties, _EMPTY, empty)):
                for operation, once in enumerate(self._pass(project, config, f"{size}-{project.name}-{repetition}")):
                    runs[operation].append(once)
                    if once.made != made:
                        raise BenchError(f"{size}: {project.name} made {once.made}, not {made}")
        return [
            _comparison(size, operation, sum(made.values()), ours, theirs)
            for operation, ours, theirs in zip(OPERATIONS, programs, empties, strict=True)
        ]

    def _pass(self, project: Path, config: Mapping[str, Any], name: str) -> list[_Once]:
        """Run every operation once on a new stack, which is made and has its secrets encrypted before any of them."""
        work = self._folder / name
        work.mkdir()
        self._once(project, config, work, "outputs")
        return [self._once(project, config, work, operation) for operation in OPERATIONS]

    def _once(self, project: Path, config: Mapping[str, Any], work: Path, operation: Operation) -> _Once:
        request = Request(
            operation=operation,
            project_dir=project,
            stack="bench",
            work_dir=work / "run",
            passphrase="bench",  # noqa: S106 (of a stack that lives for seconds and holds no secret)
            engine=self._engine,
            plugin_dir=self._plugins,
            config=config,
            secrets=_SECRETS,
            parallel=DEFAULT_PARALLEL,
        )
        asked, answered = work / f"{operation}.json", work / f"{operation}.answer.json"
        asked.write_text(request_to_json(request), encoding="utf-8")
        argv = (sys.executable, "-I", "-m", "trellis.bench.engine_side")
        run = self._launch.run(argv, asked, answered)
        return _Once(run, **json.loads(answered.read_text(encoding="utf-8")))


def _comparison(
    size: Size, operation: Operation, resources: int, ours: Sequence[_Once], theirs: Sequence[_Once]
) -> Comparison:
    program, empty = _taken(ours), _taken(theirs)
    return Comparison(
        size=str(size),
        operation=operation,
        resources=resources,
        program=program,
        empty=empty,
        ratio=round(program.time.wall_s / empty.time.wall_s, 2),
        cpu_ratio=round(program.time.cpu_s / empty.time.cpu_s, 2),
    )


def _taken(runs: Sequence[_Once]) -> Taken:
    return Taken(
        Median.of([one.run for one in runs]),
        round(median(one.program_cpu_s for one in runs), 4),
        max(one.program_peak_bytes for one in runs),
        max(one.engine_peak_bytes for one in runs),
    )


def misses(comparisons: Sequence[Comparison]) -> list[str]:
    """Return what of the budget is missed, one sentence each."""
    return [
        f"{one.size} {one.operation}: {one.ratio} times the empty program, budget {MOST_TIMES_EMPTY}"
        for one in comparisons
        if one.ratio > MOST_TIMES_EMPTY
    ]

"""The program on the real engine beside two others with as many resources of the same kinds, in turn, in one call.

The floor makes the same resources with the same inputs, read from a file: nothing is computed.  The empty program
makes them without inputs.  The budget is judged by the floor.  The engine writes what is sent to it into its state at
each checkpoint, whoever computed it, so the ratio to the empty program is mostly what sending the site's texts costs
any program; it is printed beside the other one, and not judged.
"""

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
from trellis.bench.registered import Registration, difference, registration
from trellis.bench.sites import Size, site_data
from trellis.lab.deployment import DEFAULT_PARALLEL, Operation, Request, request_to_json

SIZES = (Size(3, 1), Size(8, 4))
REPETITIONS = 3
OPERATIONS: tuple[Operation, ...] = ("preview", "up")

MOST_TIMES_FLOOR = 1.25
"""Design section 13; of wall and of processor seconds."""

EVENTS = {
    "start": "before the process is spawned that runs the program inline (Automation API); the stack is empty",
    "stop": "its end is seen: the engine has answered and ended",
    "program": "this repository's __main__.py with the site in its configuration (by way of trellis/bench/own)",
    "floor": "the same resources with the same inputs from a file, nothing computed (trellis/bench/given/__main__.py)",
    "empty": "as many resources of the same kinds, their SDKs imported, no input (trellis/bench/empty/__main__.py)",
    "judged": "the ratio to the floor; the one to the empty program is mostly the engine's cost of what is sent to it",
    "plugins": "the same for all: every resource is made at once as it was asked for (trellis/bench/idle.py)",
    "peak": "largest resident set in any run: of the program's own process, and of the largest below it (the engine)",
}
"""What is measured, for whoever reads a figure."""

_OWN = Path(__file__).with_name("own")
_GIVEN = Path(__file__).with_name("given")
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
    """The three sides in one operation at one size.

    Attributes:
        resources: How many resources each of them has made, or would.
        sent_bytes: What the program and the floor send to the engine with them, as JSON.
        ratio: The program's wall seconds by the floor's, of the medians.
        cpu_ratio: The same of processor seconds, engine and plugins included.
        empty_ratio: The program's wall seconds by the empty one's, of the medians; not judged.
        empty_cpu_ratio: The same of processor seconds; not judged.
    """

    size: str
    operation: str
    resources: int
    sent_bytes: int
    program: Taken
    floor: Taken
    empty: Taken
    ratio: float
    cpu_ratio: float
    empty_ratio: float
    empty_cpu_ratio: float


@dataclass(frozen=True, slots=True)
class Alone:
    """The program without a floor, with one site.

    Attributes:
        resources: How many it makes, components among them.
        preview: On a new stack.
        up: The same, made; one run.
        again: A preview of that stack, which finds nothing to do.
        peak_bytes: The largest resident set of any process in any of the runs.
        state_bytes: The file of the stack's state afterwards.
    """

    resources: int
    preview: Median
    up: Median
    again: Median
    peak_bytes: int
    state_bytes: int


def alone(engine: Path, data: Mapping[str, Any], repetitions: int) -> Alone:
    """Measure the program with one site, on a stack of its own.

    Args:
        engine: The `pulumi` executable.
        data: The site, as it stands under `trellis:site`.
        repetitions: Counted runs of each preview.

    Raises:
        BenchError: If a run fails, or there is something to do where nothing has changed.
    """
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        return _Bench(Path(folder), launch, engine).alone(data, repetitions)


def compare(
    engine: Path, sizes: Sequence[Size], repetitions: int, say: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Measure the program, the floor and the empty program in turn, each in a stack of its own that is new each time.

    Args:
        engine: The `pulumi` executable.
        sizes: The sites.
        repetitions: Counted runs of each side, operation and size.
        say: Where progress goes.

    Raises:
        BenchError: If a run fails, or they do not make the same resources.
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


@dataclass(frozen=True, slots=True)
class _Side:
    """A program and its configuration."""

    name: str
    project: Path
    config: Mapping[str, Any]


class _Bench:
    """Runs the three programs."""

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
        program = _Side("program", _OWN, {"trellis:site": site_data(size)})
        # Not counted: it fills the system's cache, and says which resources there are and what is sent with them.
        made = self._pass(program, f"{size}-first")[0].made
        sent = self._registered(program, f"{size}-first")
        given = self._folder / f"{size}-given.json"
        given.write_text(sent.to_json(), encoding="utf-8")
        sides = (
            program,
            _Side("floor", _GIVEN, {"trellis:given": str(given)}),
            _Side("empty", _EMPTY, {"trellis:resources": made}),
        )
        runs: dict[str, list[list[_Once]]] = {side.name: [] for side in sides}
        for repetition in range(repetitions):
            say(f"{size}: {sum(made.values())} resources, {repetition + 1} of {repetitions}")
            for side in sides:
                work = f"{size}-{side.name}-{repetition}"
                runs[side.name].append(self._pass(side, work))
                for once in runs[side.name][-1]:
                    if once.made != made:
                        raise BenchError(f"{size}: the {side.name} made {once.made}, not {made}")
                if side.name == "floor" and (differs := difference(sent, self._registered(side, work))):
                    raise BenchError(f"{size}: the floor does not register what the program does: {differs}")
        return [
            _comparison(size, number, made, sent, {name: [one[number] for one in each] for name, each in runs.items()})
            for number in range(len(OPERATIONS))
        ]

    def alone(self, data: Mapping[str, Any], repetitions: int) -> Alone:
        program = _Side("program", _OWN, {"trellis:site": data})
        (self._folder / program.name).mkdir()
        self._once(program, program.name, "outputs")
        previews = [self._once(program, program.name, "preview") for _ in range(repetitions)]
        up = self._once(program, program.name, "up")
        again = [self._once(program, program.name, "preview") for _ in range(repetitions)]
        if any(once.made for once in again):
            raise BenchError(f"{data['name']}: a second preview would make something: {again[0].made}")
        (state,) = (self._folder / program.name).glob("run/state/.pulumi/stacks/**/bench.json")
        return Alone(
            resources=sum(up.made.values()),
            preview=Median.of([once.run for once in previews]),
            up=Median.of([up.run]),
            again=Median.of([once.run for once in again]),
            peak_bytes=max(max(once.program_peak_bytes, once.engine_peak_bytes) for once in (*previews, up, *again)),
            state_bytes=state.stat().st_size,
        )

    def _pass(self, side: _Side, work: str) -> list[_Once]:
        """Run every operation once on a new stack, which is made and has its secrets encrypted before any of them."""
        (self._folder / work).mkdir()
        self._once(side, work, "outputs")
        return [self._once(side, work, operation) for operation in OPERATIONS]

    def _once(self, side: _Side, work: str, operation: Operation) -> _Once:
        folder = self._folder / work
        asked, answered = folder / f"{operation}.json", folder / f"{operation}.answer.json"
        asked.write_text(request_to_json(self._request(side, work, operation)), encoding="utf-8")
        argv = (sys.executable, "-I", "-m", "trellis.bench.engine_side")
        run = self._launch.run(argv, asked, answered)
        return _Once(run, **json.loads(answered.read_text(encoding="utf-8")))

    def _registered(self, side: _Side, work: str) -> Registration:
        return registration(self._request(side, work, "up"))

    def _request(self, side: _Side, work: str, operation: Operation) -> Request:
        return Request(
            operation=operation,
            project_dir=side.project,
            stack="bench",
            work_dir=self._folder / work / "run",
            passphrase="bench",  # noqa: S106 (of a stack that lives for seconds and holds no secret)
            engine=self._engine,
            plugin_dir=self._plugins,
            config=side.config,
            secrets=_SECRETS,
            parallel=DEFAULT_PARALLEL,
        )


def _comparison(
    size: Size, number: int, made: Mapping[str, int], sent: Registration, runs: Mapping[str, Sequence[_Once]]
) -> Comparison:
    program, floor, empty = (_taken(runs[name]) for name in ("program", "floor", "empty"))
    return Comparison(
        size=str(size),
        operation=OPERATIONS[number],
        resources=sum(made.values()),
        sent_bytes=len(sent.to_json()),
        program=program,
        floor=floor,
        empty=empty,
        ratio=round(program.time.wall_s / floor.time.wall_s, 2),
        cpu_ratio=round(program.time.cpu_s / floor.time.cpu_s, 2),
        empty_ratio=round(program.time.wall_s / empty.time.wall_s, 2),
        empty_cpu_ratio=round(program.time.cpu_s / empty.time.cpu_s, 2),
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
        f"{one.size} {one.operation}: {ratio} times the floor's {what}, budget {MOST_TIMES_FLOOR}"
        for one in comparisons
        for what, ratio in (("wall time", one.ratio), ("processor time", one.cpu_ratio))
        if ratio > MOST_TIMES_FLOOR
    ]

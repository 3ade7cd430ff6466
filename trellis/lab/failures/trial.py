"""One failure: the lab is whole, it breaks, it is watched, it heals; as often as its file says, and then judged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.lab.failures.causing import VERBS
from trellis.lab.failures.failure import Failure, Steps
from trellis.lab.failures.routes import Tables
from trellis.lab.failures.streams import Heard, Streams
from trellis.lab.heartbeat import STALL_MS, Heartbeat
from trellis.lab.processes import Say
from trellis.lab.proof import Comparison, compare, sessions, wait_until_converged
from trellis.lab.proof.converge import NotConvergedError
from trellis.lab.proof.fabric import VERSIONS
from trellis.lab.proof.prove import fabric_of

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_STEADY_S = 1.0
"""How long streams run before anything breaks, and after all has healed."""
_SETTLES_S = 5.0
"""What routing is given to settle between what is prepared and what breaks."""
_AGAIN = 2
"""How often a run is repeated at most that this machine stalled in."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a failure.

    Args:
        heard: By stream and family.
        gone: By name, milliseconds until the route was gone; None if it was not.
        paths: What was not as the file says of the ways that packets go, while the lab was broken.
        back_s: Seconds from the healing until every session and route was back; None if they were not.
        resets: Sessions that have reset and must not: node, VRF, peer.
        missing: What was still missing when the time was up.
        stalled_ms: The longest time for which this machine was too busy.
    """

    heard: dict[tuple[str, int], Heard]
    gone: dict[str, int | None]
    paths: tuple[str, ...]
    back_s: float | None
    resets: tuple[str, ...]
    missing: tuple[str, ...]
    stalled_ms: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a failure, over its runs.

    Args:
        what: What was measured.
        unit: `ms` or `s`.
        values: One per run; None where it never happened.
        bound: At most; None where nothing is promised.
    """

    what: str
    unit: str
    values: tuple[float | None, ...]
    bound: float | None

    @property
    def held(self) -> bool:
        """Whether every run is within the bound."""
        return self.bound is None or all(value is not None and value <= self.bound for value in self.values)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a failure went.

    Args:
        failure: What was done.
        runs: Each run that counts.
    """

    failure: Failure
    runs: tuple[Run, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What was measured, in the order of the file."""
        return (*self._silences(), *self._withdrawals(), self._return())

    @property
    def failures(self) -> tuple[str, ...]:
        """Which bounds were missed, and what else must not be."""
        found = [f"{figure.what}: {_told(figure)}" for figure in self.figures if not figure.held]
        for number, run_ in enumerate(self.runs, start=1):
            found += [f"run {number}: {line}" for line in (*self._not_cut_off(run_), *run_.paths)]
            if run_.resets:
                found.append(f"run {number}: sessions have reset: {', '.join(run_.resets[:5])}")
            if run_.missing:
                found.append(f"run {number}: still missing: {', '.join(run_.missing[:5])}")
        return tuple(found)

    @property
    def ok(self) -> bool:
        """Whether every bound was kept."""
        return not self.failures

    def _silences(self) -> Iterator[Figure]:
        for name, stream in self.failure.streams.items():
            for version in VERSIONS:
                key = (name, version)
                if all(key in run_.heard for run_ in self.runs):
                    values = tuple(float(run_.heard[key].silent_ms) for run_ in self.runs)
                    where = f"{stream.source} to {stream.target}{' on its VNet' if stream.on_vnet else ''}"
                    yield Figure(f"{name}, IPv{version} ({where}): silent for", "ms", values, stream.silent_ms)

    def _withdrawals(self) -> Iterator[Figure]:
        for name, wanted in self.failure.gone.items():
            values = tuple(run_.gone.get(name) for run_ in self.runs)
            yield Figure(f"{name}: {wanted.of} gone at {wanted.at} after", "ms", values, wanted.within_ms)

    def _return(self) -> Figure:
        values = tuple(run_.back_s for run_ in self.runs)
        return Figure("every session and route back after it healed", "s", values, self.failure.back_s)

    def _not_cut_off(self, run_: Run) -> Iterator[str]:
        """Streams that have to be silent while the lab is broken: else nothing proves that it was."""
        for (name, version), heard in run_.heard.items():
            least_ms = 500 * self.failure.watched_s
            if self.failure.streams[name].cut_off and heard.silent_ms < least_ms:
                yield f"{name}, IPv{version} was to be cut off, and was silent for {heard.silent_ms} ms alone"


def run(twin: Twin, failure: Failure, say: Say) -> Outcome:
    """Run a failure as often as its file says; a run that this machine stalled in is repeated where it missed a bound.

    Raises:
        LabError: The lab is not whole to begin with, or the failure could not be caused.
    """
    say(f"{failure.name}: {failure.what}")
    runs: list[Run] = []
    again = 0
    while len(runs) < failure.runs:
        if runs or again:
            time.sleep(failure.rest_s)
        done = _run(twin, failure, say)
        held = Outcome(failure, (done,)).ok
        if not held and done.stalled_ms > STALL_MS and again < _AGAIN:
            again += 1
            say(f"  once more: this machine stalled for {done.stalled_ms} ms")
            continue
        runs.append(done)
        say(f"  run {len(runs)}: {'; '.join(_told(figure) for figure in Outcome(failure, (done,)).figures)}")
    return Outcome(failure, tuple(runs))


def _run(twin: Twin, failure: Failure, say: Say) -> Run:
    twin.start_guests(lambda _: None)
    wait_until_converged(twin, say)
    before = sessions(twin)
    healed = False
    try:
        if failure.prepares:
            _do(twin, failure.prepares)
            time.sleep(_SETTLES_S)
        with Heartbeat() as heart, Tables(twin, failure.gone) as tables, Streams(twin, failure.streams) as streams:
            time.sleep(_STEADY_S)
            began_s = time.time()
            _do(twin, failure.breaks)
            time.sleep(max(0.0, began_s + failure.watched_s - time.time()))
            gone = tables.end(began_s)
            paths = tuple(_wrong_paths(twin, failure))
            healed_s, healed = time.monotonic(), True
            _do(twin, failure.heals)
            back_s, missing = _back(twin, failure, healed_s, say)
            time.sleep(_STEADY_S)
            heard = streams.end()
        resets = tuple(_forbidden(twin, failure, compare(before, sessions(twin))))
    finally:
        if not healed:
            _do(twin, failure.heals)
    return Run(heard, gone, paths, back_s, resets, missing, heart.stalled_ms)


def _do(twin: Twin, steps: Steps) -> None:
    for step in steps:
        VERBS[step.verb](twin, **step.arguments)


def _back(twin: Twin, failure: Failure, healed_s: float, say: Say) -> tuple[float | None, tuple[str, ...]]:
    """Start guests that went with their host, as Proxmox would, and wait for every session and route."""
    twin.look_for_guests()
    twin.start_guests(lambda _: None)
    try:
        wait_until_converged(twin, say, max(1.0, failure.back_s - (time.monotonic() - healed_s)))
    except NotConvergedError as late:
        return None, late.missing
    return round(time.monotonic() - healed_s, 1), ()


def _wrong_paths(twin: Twin, failure: Failure) -> Iterator[str]:
    fabric = fabric_of(twin)
    for path in failure.paths:
        for version in VERSIONS:
            target = fabric.loopback(path.to, version)
            said = twin.lab.access.run(path.at, f"ip -j route get {target}", check=False).stdout
            seen = {str(entry.get("dev")) for entry in json.loads(said or "[]")}
            if seen != {path.device}:
                yield f"{path.at} reaches {path.to} (IPv{version}) by {', '.join(seen) or 'nothing'}, not {path.device}"


def _forbidden(twin: Twin, failure: Failure, changed: Comparison) -> Iterator[str]:
    """The sessions that have reset though neither of their ends may."""
    if failure.may_reset == "all":
        return
    fabric = fabric_of(twin)
    names: dict[str, str] = {}
    for node in (*fabric.hosts, *fabric.site.edges):
        names |= {str(fabric.loopback(node, version)): node for version in VERSIONS}
    names |= {str(guest.ipv6): guest.name for guest in fabric.guests}
    for node, vrf, peer in changed.reset:
        if not {node, names.get(peer, peer)} & {*failure.may_reset}:
            yield f"{node} {vrf} {names.get(peer, peer)}"


def _told(figure: Figure) -> str:
    values = ", ".join("never" if value is None else f"{value:g}" for value in figure.values)
    bound = f" of {figure.bound:g}" if figure.bound is not None else ""
    return f"{figure.what} {values}{bound} {figure.unit}"

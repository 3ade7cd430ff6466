"""One scenario: the lab is whole, something is done to it, every host is watched, and the bounds are judged."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis.agent.itself import AGENT_PATH
from trellis.lab.errors import LabError
from trellis.lab.heartbeat import STALL_MS
from trellis.lab.processes import Say
from trellis.lab.proof import compare, sessions, wait_until_converged
from trellis.lab.proof.converge import NotConvergedError
from trellis.lab.scenarios.catalogue import Scenario
from trellis.lab.scenarios.watching import Course, Watch

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_TRIES = 3
_STEADY_LOOKS = 4
"""Looks in a row that must find a host as intended: who else repairs it must have come to an end, too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went.

    Args:
        scenario: What was done.
        proofs: What shows that it happened.
        broken_s: Seconds until it had happened.
        courses: How each host fared.
        guards: What the agent's guard wrote to each host's journal since.
        check: By host, in what the agent's own comparison finds it not as committed.
        sessions_s: Seconds until every session and every route was back; None if they were not.
        resets: Sessions that were Established and have reset: node, VRF, peer.
        missing: What was still missing when the time was up.
        stalled_ms: The longest time for which this machine was too busy to run what wanted to run.
    """

    scenario: Scenario
    proofs: tuple[str, ...]
    broken_s: float
    courses: dict[str, Course]
    guards: dict[str, tuple[str, ...]]
    check: dict[str, tuple[str, ...]]
    sessions_s: float | None
    resets: tuple[str, ...]
    missing: tuple[str, ...]
    stalled_ms: int

    @property
    def intent_s(self) -> float | None:
        """Seconds until the last host ran what is intended; 0 if none ever did not, None if one does not."""
        since = [course.whole_since_s for course in self.courses.values()]
        known = [seconds for seconds in since if seconds is not None]
        return max(known) if len(known) == len(since) else None

    @property
    def failures(self) -> tuple[str, ...]:
        """Which bounds were missed, and what else must not be."""
        scenario, found = self.scenario, []
        if self.intent_s is None:
            found.append(f"not every host runs what is intended after {scenario.intent_s:g} s")
        elif self.intent_s > scenario.intent_s:
            found.append(f"what is intended runs after {self.intent_s:g} s, later than {scenario.intent_s:g} s")
        found += [f"{host} is not as committed: {'; '.join(what)}" for host, what in self.check.items() if what]
        if self.sessions_s is None:
            found.append(f"after {scenario.sessions_s:g} s there are missing: {'; '.join(self.missing[:5])}")
        elif self.sessions_s > scenario.sessions_s:
            found.append(f"sessions and routes are back after {self.sessions_s:g} s, not {scenario.sessions_s:g} s")
        if self.resets and not scenario.resets:
            found.append(f"sessions have reset: {', '.join(self.resets)}")
        return tuple(found)

    @property
    def disturbed(self) -> bool:
        """Whether nothing but resets went wrong, while the machine was too busy for BFD, which takes that for death."""
        return bool(self.resets) and self.stalled_ms > STALL_MS and len(self.failures) == 1

    @property
    def ok(self) -> bool:
        """Whether every bound was kept."""
        return not self.failures


def run(twin: Twin, scenario: Scenario, say: Say) -> Outcome:
    """Run a scenario, once more where the machine was too busy for it; see `_run`."""
    for _ in range(_TRIES - 1):
        outcome = _run(twin, scenario, say)
        if not outcome.disturbed:
            return outcome
        say(f"  once more: this machine stalled for {outcome.stalled_ms} ms, and {', '.join(outcome.resets[:3])} reset")
    return _run(twin, scenario, say)


def _run(twin: Twin, scenario: Scenario, say: Say) -> Outcome:
    """Run a scenario; what it leaves behind at Proxmox is taken away afterwards.

    Args:
        twin: The lab, its program applied and its guests started.
        scenario: Which one.
        say: Takes progress.

    Raises:
        LabError: The lab is not whole to begin with, or the scenario could not be caused.
    """
    say(f"{scenario.name}: {scenario.what}")
    wait_until_converged(twin, say)
    if strangers := {host: what for host, what in check(twin).items() if what}:
        named = "; ".join(f"{host}: {', '.join(what)}" for host, what in strangers.items())
        raise LabError(scenario.name, why=f"before it, hosts are not as committed: {named}", remedy="trellis demo")
    before, cursors = sessions(twin), _cursors(twin)
    try:
        with Watch(twin) as watch:
            proofs = scenario.breaks(twin)
            broken_s = watch.seconds
            say(f"  it has happened after {broken_s:.1f} s: {proofs[-1]}")
            watch.wait(_steady, scenario.intent_s)
            courses = watch.courses()
            say(f"  hosts: {_told(courses)}")
            sessions_s, missing = _sessions_back(twin, watch, scenario, say)
        reset = () if sessions_s is None else compare(before, sessions(twin)).reset
        resets = tuple(" ".join(key) for key in reset)
        guards, found = _guards(twin, cursors), check(twin)
    finally:
        if scenario.mends is not None:
            for line in scenario.mends(twin)[-1:]:
                say(f"  taken away again: {line}")
    return Outcome(
        scenario,
        tuple(proofs),
        round(broken_s, 1),
        courses,
        guards,
        found,
        sessions_s,
        resets,
        missing,
        watch.stalled_ms,
    )


def check(twin: Twin) -> dict[str, tuple[str, ...]]:
    """By host, what the agent's own comparison with the last commit finds; empty where it is as committed."""
    done = twin.lab.access.run_on_all(sorted(twin.site.hosts), f"{AGENT_PATH} check")
    found: dict[str, tuple[str, ...]] = {}
    for host, answer in done.items():
        try:
            said = json.loads(answer.stdout)
        except ValueError:
            found[host] = (answer.stderr.strip() or f"exit status {answer.returncode}",)
            continue
        what = tuple(f"{name}: {value}" for name, value in said.get("differences", {}).items() if value)
        found[host] = () if said["same"] else what or tuple(str(entry) for entry in said.get("lacking", ()))
    return found


def _steady(courses: dict[str, Course]) -> bool:
    return all(
        len(course.looks) >= _STEADY_LOOKS and not any(look.fault for look in course.looks[-_STEADY_LOOKS:])
        for course in courses.values()
    )


def _sessions_back(twin: Twin, watch: Watch, scenario: Scenario, say: Say) -> tuple[float | None, tuple[str, ...]]:
    """Start guests that went with their host, as Proxmox would, and wait for every session and route."""
    twin.look_for_guests()
    twin.start_guests(say)
    with contextlib.suppress(NotConvergedError):
        wait_until_converged(twin, say, max(0.0, scenario.sessions_s - watch.seconds))
        return round(watch.seconds, 1), ()
    try:
        wait_until_converged(twin, say, 0)
    except NotConvergedError as late:
        return None, late.missing
    return round(watch.seconds, 1), ()


def _cursors(twin: Twin) -> dict[str, str]:
    done = twin.lab.access.run_on_all(sorted(twin.site.hosts), "journalctl --lines=0 --show-cursor --quiet")
    return {host: answer.stdout.partition("cursor: ")[2].strip() for host, answer in done.items()}


def _guards(twin: Twin, cursors: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """What the guard had to tell on each host."""
    found = {}
    for host, cursor in cursors.items():
        words = f"journalctl --unit=trellis-guard --output=cat --no-pager --quiet --after-cursor='{cursor}'"
        said = twin.lab.access.run(host, words, check=False).stdout
        found[host] = tuple(line for line in said.splitlines() if line.startswith("guard:"))
    return found


def _told(courses: dict[str, Course]) -> str:
    return ", ".join(
        f"{host} {'as intended' if since == 0 else f'as intended after {since:g} s' if since else 'NOT as intended'}"
        for host, since in ((host, course.whole_since_s) for host, course in courses.items())
    )

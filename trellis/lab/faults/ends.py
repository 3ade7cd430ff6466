"""The states that faults have to leave, each as what it is called and what tells whether it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trellis.lab.faults.change import CONFIG
from trellis.lab.faults.fault import End
from trellis.lab.faults.look import changes, lacking, running_changes
from trellis.lab.faults.proofs import logins

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial


def refused(*steps: str) -> End:
    """Nothing was touched, and the agent said so: status 3 at one of these steps."""
    return End("refused, nothing touched", lambda trial: [*_ended(trial, 3, steps), *_as_before(trial)])


def taken_back(*steps: str) -> End:
    """All is as before, byte for byte, after it failed at one of these steps."""
    text = "taken back: files byte for byte, FRR runs what it ran"
    return End(text, lambda trial: [*_ended(trial, 4, steps), *_as_before(trial)])


def unharmed(*steps: str) -> End:
    """All is as before, whether the agent refused it (status 3) or took it back (4), at one of these steps."""

    def check(trial: Trial) -> Sequence[str]:
        status = trial.told.status if trial.told is not None and trial.told.status == 3 else 4
        return [*_ended(trial, status, steps), *_as_before(trial)]

    return End("as before: files byte for byte, FRR runs what it ran", check)


def refused_on_disk(*steps: str) -> End:
    """As `refused`, of a host whose FRR does not run all that it should: its files are as before."""

    def check(trial: Trial) -> Sequence[str]:
        before, now = trial.before[trial.host], trial.bench.look_at(trial.host)
        return [*_ended(trial, 3, steps), *changes(before, replace(now, running=before.running))]

    return End("refused, files as before", check)


def as_before() -> End:
    """All is as before, whoever told whom."""
    return End("as before: files byte for byte, FRR runs what it ran", _as_before)


def untouched(*, nobody_logged_in: bool = False) -> End:
    """No file of the host was written, nothing runs that did not; and, where asked, nobody got in."""

    def check(trial: Trial) -> Sequence[str]:
        return _touched(trial, trial.host, nobody_logged_in=nobody_logged_in)

    return End("nothing touched, no file written" + (", nobody logged in" if nobody_logged_in else ""), check)


def nothing_done() -> End:
    """On no host was a file written, a process begun, a session reset, or did anybody log in."""

    def check(trial: Trial) -> Sequence[str]:
        found = []
        for host, before in trial.before.items():
            now = trial.bench.look_at(host)
            wrong = _touched(trial, host, nobody_logged_in=True)
            wrong += [f"{name} is another process" for name, pid in before.pids.items() if now.pids.get(name) != pid]
            wrong += [f"session {peer} has reset" for peer, n in before.sessions.items() if now.sessions.get(peer) != n]
            found += [f"{host}: {one}" for one in wrong]
        return found

    return End("no login, no file written, the same processes, no session reset", check)


def _touched(trial: Trial, host: str, *, nobody_logged_in: bool) -> list[str]:
    before, now = trial.before[host], trial.bench.look_at(host)
    written = [path for path, held in before.files.items() if now.files.get(path, held)[4] != held[4]]
    count = logins(trial, host) if nobody_logged_in else 0
    found = [*changes(before, now), *(f"{path} was written" for path in written)]
    return found + ([f"somebody logged in {count} times"] if count else [])


def applied(*, refused_at: str = "") -> End:
    """The change is in force, whole; and, where named, the other run was refused at that step."""

    def check(trial: Trial) -> Sequence[str]:
        return [*(_ended(trial, 3, (refused_at,)) if refused_at else ()), *_applied(trial)]

    return End("the first in force as intended, the second refused" if refused_at else "in force as intended", check)


def as_before_within(first_s: float, last_s: float) -> End:
    """As before, and so within a time on a clock that does not jump, seconds."""

    def check(trial: Trial) -> Sequence[str]:
        took = trial.recovered_s or 0.0
        late = [] if first_s <= took <= last_s else [f"it took {took:.1f} s, not {first_s:g}-{last_s:g} s"]
        # Taking back takes its own time: a wait that was cut short may not show in the whole.
        steps = trial.told.report.get("steps", []) if trial.told is not None else []
        waits = [step["seconds"] for step in steps if step["name"] == "confirmation"]
        short = [f"the confirmation was waited for {s:.1f} s, not {first_s:g} s or more" for s in waits if s < first_s]
        return [*late, *short, *_as_before(trial)]

    return End("as before at the deadline of the monotonic clock", check)


def each_whole() -> End:
    """Each host holds the old or the new, and none a mixture."""

    def check(trial: Trial) -> Sequence[str]:
        found = []
        for host, before in trial.before.items():
            now = trial.bench.look_at(host)
            old, new = changes(before, now), lacking(trial.change, now)
            trial.fact(f"{host}: {'old' if not old else 'new' if not new else 'mixed'}")
            found += [f"{host}: neither old nor new: {'; '.join([*old, *new])}"] if old and new else []
        return found

    return End("each host old or new, whole", check)


def done_keep(*done: str) -> End:
    """The hosts that were done keep the new, the one that failed and those behind it have the old."""

    def check(trial: Trial) -> Sequence[str]:
        found = []
        for host, before in trial.before.items():
            now = trial.bench.look_at(host)
            found += [
                f"{host}: {one}" for one in (lacking(trial.change, now) if host in done else changes(before, now))
            ]
        return found

    return End(f"{', '.join(done)} keeps the new, the others as before", check)


def all_as_before() -> End:
    """Every host has the old again."""

    def check(trial: Trial) -> Sequence[str]:
        return [
            f"{host}: {change}"
            for host, before in trial.before.items()
            for change in changes(before, trial.bench.look_at(host))
        ]

    return End("every host as before", check)


def intent_or_drift(within_s: float) -> End:
    """FRR of every host runs what was committed again in time, or the host says in what it does not."""

    def check(trial: Trial) -> Sequence[str]:
        began, wrong = trial.struck_at or time.monotonic(), ["nobody looked"]
        while wrong and time.monotonic() < began + within_s:
            wrong = [
                f"{host}: {line}"
                for host, before in trial.before.items()
                for lines in running_changes(before.running, trial.bench.look_at(host).running)
                for line in lines
                if not _drift_shown(trial, host)
            ]
        trial.recovered_s = time.monotonic() - began
        return wrong

    return End("every host runs the intent, or shows its drift", check)


def _drift_shown(trial: Trial, host: str) -> bool:
    said = trial.sh("cat /var/lib/trellis/drift.json 2> /dev/null || true", host=host)
    return bool(said) and bool(json.loads(said).get("foreign"))


def broken() -> End:
    """The agent said that the host needs somebody, and kept the backup of what was before."""

    def check(trial: Trial) -> Sequence[str]:
        told, before = trial.told, trial.before[trial.host]
        new = sorted(set(trial.bench.look_at(trial.host).backups) - set(before.backups))
        return [
            *_ended(trial, 5, ()),
            *([] if new else ["no backup of before the change is kept"]),
            *([] if told and f"{trial.host}: broken" in told.text else [f"{trial.host}: broken is not said"]),
            *([] if told and "/var/lib/trellis/backup/" in told.text else ["the backup is not named"]),
        ]

    return End("status 5, host and backup named, backup kept", check)


def booted_as_before() -> End:
    """As before, but that Proxmox has written frr.conf anew at the boot, in its own layout: it must say the same."""

    def check(trial: Trial) -> Sequence[str]:
        before, now = trial.before[trial.host], trial.bench.look_at(trial.host)
        gone, new = running_changes(before.config, now.config)
        found = [f"frr.conf says {'no longer' if line in gone else 'besides'}: {line}" for line in (*gone, *new)]
        same = {**now.files, CONFIG: before.files[CONFIG]}
        return [*found[:4], *changes(before, replace(now, files=same))]

    return End("booted what was before: frr.conf complete, FRR runs what it ran", check)


def whole() -> End:
    """Either the old or the new, never a mixture."""

    def check(trial: Trial) -> Sequence[str]:
        as_it_was, as_it_shall_be = _as_before(trial), _applied(trial)
        return [] if not as_it_was or not as_it_shall_be else ["neither old nor new:", *as_it_was, *as_it_shall_be]

    return End("old or new, never mixed", check)


def _as_before(trial: Trial) -> list[str]:
    return changes(trial.before[trial.host], trial.bench.look_at(trial.host))


def _applied(trial: Trial) -> list[str]:
    return lacking(trial.change, trial.bench.look_at(trial.host))


def _ended(trial: Trial, status: int, steps: Collection[str]) -> list[str]:
    told = trial.told
    if told is None or told.status != status:
        return [f"the agent's exit status is {told.status if told else None}, not {status}: {told.why if told else ''}"]
    if steps and told.step not in steps:
        return [f"it failed at `{told.step}`, not at {' or '.join(steps)}: {told.why}"]
    return []

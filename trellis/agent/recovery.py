"""Taking a change back: whole, whoever does it, and however far the change had come.

Three may: the transaction itself when a step fails; `take-back`, which a timer calls, when the transaction's agent is
gone or stuck; and `recover` at boot, before FRR and the network read their files. At a boot only files count, for
everything else starts from them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial

from trellis.agent import backups, files, frr, outside, state, sysctl, timer, units, vault
from trellis.agent.limits import RELOAD_BACK_S
from trellis.agent.lock import TAKE_BACK, Locked, held_lock, noted, working_on
from trellis.agent.manifest import RUNNING_CONFIG, ManagedFile
from trellis.agent.normalise import difference
from trellis.agent.report import Fault, Report, say

DROP_INS = "/etc/systemd/system/"
"""Where units and their drop-ins lie, which systemd has to read anew."""

_KILLED_S = 5.0

UNITS = {
    "trellis-recover.service": """\
[Unit]
Description=Trellis: put back the files of a change that a boot has cut off
DefaultDependencies=no
RequiresMountsFor=/etc /usr/local/lib/trellis /var/lib/trellis
After=local-fs.target systemd-remount-fs.service
Before=systemd-sysctl.service network-pre.target networking.service nftables.service
Before=frr.service trellis-firewall.service pve-sdn-commit.service sysinit.target shutdown.target
Conflicts=shutdown.target
ConditionPathExists=/var/lib/trellis/under-way.json

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/trellis/agent.py recover
TimeoutStartSec=60

[Install]
WantedBy=sysinit.target
"""
}
"""What a host must have installed and enabled, by file name; it costs a boot nothing where no change was cut off."""


def restore(paths: list[str], before: backups.Backup) -> None:
    """Files, kernel parameters, daemons and running configuration as before.

    Args:
        paths: The files that the change replaces or removes.
        before: The backup that it took.

    Raises:
        Fault: Not all of it is. What could be put back has been.
    """
    earlier = before.outside.get("units", {})
    problems = _failures(lambda: units.put_back(earlier))
    back: list[str] = []
    problems += _failures(lambda: back.extend(put_files_back(paths, before)), vault.reread)
    problems += _failures(
        lambda: reread_units(back),
        lambda: outside.bring_units_back(before.outside),
        lambda: sysctl.put_back(before.sysctls),
        lambda: outside.put_back_loopbacks(before.outside),
        lambda: outside.put_back_table(before.outside),
    )
    if set(frr.DAEMON_FILES) & set(back):
        # Should this fail, the running configuration will show it.
        _failures(lambda: frr.start_missing(RELOAD_BACK_S))
    alive = not _failures(lambda: frr.wait_alive(frr.needed(()), frr.CRASHED_DAEMON_S))
    problems += _run_as_before(before.running, alive=alive)
    # Guests are told again when FRR has its routes again, as they were told.
    problems += _failures(lambda: outside.bring_readers_back(before.outside, back))
    if problems:
        raise Fault(
            "the host is not as it was",
            "; ".join(problems),
            f"the backup is {before.folder}: mend what is named, then `systemctl restart frr`",
        )


def put_files_back(paths: list[str], before: backups.Backup) -> list[str]:
    """Put back the files of a change, and see that each is what its backup says.

    Returns:
        The paths that had to be put back.

    Raises:
        Fault: Some could not be; all others have been.
    """
    back = files.take_back([*dict.fromkeys([*paths, RUNNING_CONFIG])])
    copies = before.files()
    # What the change kept beside each file is enough, unless somebody has cleared that away.
    lost = {path: copies[path] for path in paths if path in copies and files.found(path) != copies[path]}
    again = [copy.as_wanted(path) for path, copy in lost.items() if copy is not None]
    files.stage(again)
    files.publish(again)
    files.remove(path for path, copy in lost.items() if copy is None)
    files.settle(list(lost))
    return [*back, *(path for path in lost if path not in back)]


def _run_as_before(running: str, *, alive: bool) -> list[str]:
    """Reload, reload again, restart: until FRR runs what it ran; what failed, or nothing.

    The last ends every session, but the host has its earlier configuration again.  Where a daemon is gone for good,
    only a restart brings it back, and vtysh prints its lines all the same: mgmtd has them.  watchfrr brings back one
    daemon at a time, and waits up to 9 minutes for one that it started (measured: a bgpd whose `vtysh -b` hung, and a
    zebra that crashed meanwhile).
    """
    reloaded = partial(reload_text, running, RELOAD_BACK_S)
    tried: list[str] = []
    for attempt in (reloaded, reloaded, frr.restart) if alive else (frr.restart,):
        failures = _failures(
            attempt,
            partial(frr.wait_alive, frr.needed(()), frr.CRASHED_DAEMON_S),
            partial(frr.await_running, running, []),
        )
        if not failures:
            return []
        tried += failures
    return tried


def reload_text(running: str, within_s: float) -> list[str]:
    """Have FRR run a configuration; where frr.conf says something else, by way of it and then back.

    Args:
        running: What it is to run.
        within_s: What the reload may take.

    Returns:
        What FRR said meanwhile.
    """
    actual = files.found(RUNNING_CONFIG)
    same = actual is not None and not any(difference(vault.hide(actual.content.decode(errors="replace")), running))
    if same or actual is None:
        return frr.reload(within_s)
    stand_in = ManagedFile(RUNNING_CONFIG, actual.mode, actual.owner, actual.group, tuple(running.splitlines()))
    files.stage([stand_in])
    try:
        files.publish([stand_in])
        return frr.reload(within_s)
    finally:
        files.take_back([RUNNING_CONFIG])


def reread_units(paths: list[str]) -> None:
    """Have systemd read units and drop-ins that have changed."""
    if any(path.startswith(DROP_INS) for path in paths):
        units.systemctl("daemon-reload")


def take_back(digest: str, report: Report) -> None:
    """Take a change back whose agent is gone, or has outlived its limits; leave one alone that is at work.

    Args:
        digest: The manifest's whose change it is.
        report: Where steps, outcome and fault go; `unchanged` where there is nothing to do.
    """
    report.outcome = "unchanged"
    change = state.under_way()
    if working_on() == digest:
        if change is None or change.over_at_s is None or state.clock() < change.over_at_s:
            return
        _end_stuck(report)
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(held_lock(about=TAKE_BACK))
            except Locked:
                return  # The timer calls again; another run takes the change back first.
            change = state.under_way()
            if change is None or change.digest != digest:
                timer.disarm()
                return
            give_back(change, report)
    except Fault as fault:
        report.fail_once(fault)
        timer.disarm()  # Trying the same again would only end every session again.


def give_back(change: state.UnderWay, report: Report) -> None:
    """Take back a change whose agent is gone; the caller holds the lock.

    Raises:
        Fault: The host is not as it was.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    outcome = report.outcome
    report.outcome = "broken"
    with report.step("recover") as step:
        restore(change.paths, backups.read(change.backup))
        state.end()
        step.detail = f"an earlier run was cut off in its change to {change.digest[:12]}: taken back"
    state.remember_end(change.digest, "restored", "its agent was cut off, and the change was taken back")
    report.outcome = "restored" if report.digest == change.digest and outcome == "unchanged" else outcome
    timer.disarm()


def at_boot() -> str:
    """Put back the files of a change that a boot has cut off, before anything reads them.

    Returns:
        What happened, for people.

    Raises:
        Fault: Not all of them could be.
    """
    change = state.under_way()
    if change is None:
        return "no change was cut off"
    if change.boot == state.this_boot():
        return "a change of this boot is under way: its agent or its timer ends it"
    before = backups.read(change.backup)
    earlier = before.outside.get("units", {})
    units.put_back_at_boot(earlier)
    back = put_files_back(change.paths, before)
    with contextlib.suppress(Fault):
        reread_units(back)
    units.bring_back_at_boot(earlier)
    state.end()
    return f"the change to {change.digest[:12]} was cut off by a boot; put back: {', '.join(back) or 'nothing'}"


def _end_stuck(report: Report) -> None:
    """Kill the lock's holder, which is past every limit of its own."""
    holder = noted()
    if holder is None:
        return
    say(f"{report.host}: process {holder.pid} is past all its limits: killed")
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILLED_S
    while working_on() == holder.about and time.monotonic() < deadline:
        time.sleep(0.1)


def _failures(*attempts: Callable[[], object]) -> list[str]:
    """Try several things, each although those before it failed, and name the failures."""
    found = []
    for attempt in attempts:
        try:
            attempt()
        except (Fault, OSError, ValueError) as error:
            found.append(str(error))
    return found

"""Putting a manifest into force: all of it, or nothing.

Up to the step `loopbacks` nothing on the host changes, and a fault there is a refusal. From then on any fault, also a
signal, takes everything back: the files byte for byte, the kernel parameters, the loopbacks, the firewall's table,
and FRR's running configuration, which is compared with the one before, for exit statuses of FRR's tools say little.
Should the agent itself be killed, what it wrote about the change under way lets the next run take it back first.

Not here yet: a timer that takes a change back although the agent is gone, a preflight in a scratch FRR, the sessions
being up again, and a refusal when somebody edited the host by hand.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

from trellis.agent import files, firewall, frr, outside, state, sysctl, units
from trellis.agent.confirm import await_confirmation
from trellis.agent.host import (
    differences,
    file_differences,
    refuse_unless_meant_for_this_host,
    wanted_sysctls,
)
from trellis.agent.lock import held_lock
from trellis.agent.manifest import RUNNING_CONFIG, ManagedFile, Manifest
from trellis.agent.normalise import difference, shown
from trellis.agent.report import Fault, Report, some

CRASHED_DAEMON_S = 20.0
"""How long a daemon may be gone; watchfrr restarts a crashed one after about 5 s."""

OTHER_RELOAD_S = 60.0
"""How long somebody else's reload is waited for; Proxmox reloads FRR at each SDN apply."""

SETTLE_S = 3.0
"""How long FRR may take to print what it was told; daemons get it from mgmtd one after the other."""

_DROP_INS = "/etc/systemd/system/"


def commit(manifest: Manifest, text: str, report: Report) -> None:
    """Put a manifest into force, and say in the report how that ended.

    Args:
        manifest: The manifest, validated.
        text: The same as it was read, to be kept for later checks.
        report: Where steps, outcome and fault go; the outcome is `refused` until something has changed.
    """
    try:
        with contextlib.ExitStack() as stack:
            _on_signals(_interrupted)
            with report.step("lock") as step:
                step.detail = stack.enter_context(held_lock())
            _Transaction(manifest, text, report).run()
    except Fault as fault:
        report.fail_once(fault)


class _Transaction:
    """One run of `commit` under the host's lock."""

    def __init__(self, manifest: Manifest, text: str, report: Report) -> None:
        self.manifest = manifest
        self.text = text
        self.report = report
        self.changed: list[ManagedFile] = []
        self.sysctls: list[sysctl.Setting] = []
        self.given_before: frozenset[str] = frozenset()
        self.enabled_before: set[str] = set()
        self.said: list[str] = []
        self.pids: dict[str, int] = {}

    def run(self) -> None:
        """All steps, in their order."""
        self._check_host()
        self._recover()
        if self._nothing_to_do():
            self.report.outcome = "unchanged"
            return
        before = self._prepare()
        try:
            self._apply(before)
            self._verify()
            self._confirm(before)
            self._commit(before)
        except Fault as fault:
            self.report.fail_once(fault)
            self._take_back(before)
        else:
            self.report.outcome = "applied"

    def _check_host(self) -> None:
        with self.report.step("host"):
            refuse_unless_meant_for_this_host(self.manifest)
        with self.report.step("daemons alive") as step:
            # A daemon that this manifest newly enables cannot run yet; any other that is down would take its
            # configuration with it: FRR reloads and saves without it, and says nothing.
            self.enabled_before = frr.enabled()
            wanted = frr.needed(self.manifest.daemons) & self.enabled_before
            step.detail = ", ".join(sorted(frr.wait_alive(wanted, within_s=0)))

    def _recover(self) -> None:
        """Take back a change whose agent died in it."""
        state.prepare()
        if (change := state.under_way()) is None:
            return
        try:
            with self.report.step("recover") as step:
                self._restore(change.paths, state.backup(change.backup))
                step.detail = f"an earlier run was cut off in its change to {change.digest[:12]}: taken back"
        except Fault:
            self.report.outcome = "broken"
            raise
        state.end()

    def _nothing_to_do(self) -> bool:
        with self.report.step("compare") as step:
            # An SDN apply reloads FRR at any time; what is compared in the middle of that says nothing.
            frr.wait_no_reload(OTHER_RELOAD_S)
            self.sysctls = wanted_sysctls(self.manifest)
            found = differences(self.manifest)
            last = state.committed()
            step.detail = f"differences: {found}"
            if last is None or last.digest != self.manifest.digest:
                step.detail += f"; committed before: {last.digest[:12] if last else 'nothing'}"
                return False
            return not found

    def _prepare(self) -> state.Backup:
        """All that can be refused before anything changes, and the backup."""
        with self.report.step("preconditions"):
            outside.refuse_unless_ready(self.manifest.preconditions, self.manifest.loopbacks, self.manifest.kind)
            self.given_before = outside.given_before()
        with self.report.step("syntax"):
            frr.check_syntax(self.manifest.intent)
            if (table := outside.table(self.manifest)) is not None:
                firewall.check(table)
        with self.report.step("kernel parameters") as step:
            absent = sysctl.absent(self.sysctls)
            step.detail = f"no device yet for {', '.join(absent)}" if absent else ""
        with self.report.step("backup") as step:
            beside = outside.file_to_write(self.manifest)
            actual = {file.path: files.found(file.path) for file in [*self.manifest.files, *beside]}
            why, found = f"before {self.manifest.digest}", outside.before(self.manifest)
            before = state.back_up(actual, frr.running_config(), sysctl.earlier(self.sysctls), found, why)
            step.detail = str(before.folder)
        with self.report.step("stage files") as step:
            self.changed = [file for file in self.manifest.files if file_differences(self.manifest, file)] + beside
            files.stage(self.changed)
            step.detail = f"{len(self.changed)}"
        return before

    def _apply(self, before: state.Backup) -> None:
        paths = [file.path for file in self.changed]
        about_daemons = [file for file in self.changed if file.path.startswith((*frr.DAEMON_FILES, _DROP_INS))]
        with self.report.step("loopbacks") as step:
            state.begin(state.UnderWay(self.manifest.digest, before.number, paths))
            step.detail = outside.give_loopbacks(self.manifest, self.given_before)
        with self.report.step("start daemons") as step:
            # New daemons start under the old frr.conf. Under a new one they alone would get its `frr defaults`,
            # FRR would print both profiles, and frr-reload.py would see nothing to do (measured with FRR 10.3).
            files.publish(about_daemons)
            _reread_units(paths)
            step.detail = self._start_daemons()
        with self.report.step("replace files") as step:
            files.publish([file for file in self.changed if file not in about_daemons])
            step.detail = ", ".join(paths)
        with self.report.step("set kernel parameters") as step:
            step.detail = f"{sysctl.load(self.sysctls)} set"
        with self.report.step("firewall") as step:
            # Before FRR gets new routes: no packet may pass between zones in the meantime.
            step.detail = "; ".join([outside.load_table(self.manifest), *units.bring_up(self.manifest.units)])
        with self.report.step("reload FRR"):
            self.pids = frr.alive()
            self.said = frr.reload(self.manifest.timeout_s)
        with self.report.step("daemons still alive"):
            self._refuse_crashed()
        for reload in self.manifest.units_changed_reload:
            if set(reload.paths) & set(paths):
                with self.report.step(f"reload {reload.unit}"):
                    units.systemctl("reload-or-restart", reload.unit)

    def _start_daemons(self) -> str:
        """Start what FRR's files newly enable; leave FRR alone when that is nothing."""
        needed = frr.needed(self.manifest.daemons)
        missing = needed - frr.alive().keys()
        if not missing and frr.enabled() == self.enabled_before:
            return "all run"
        frr.start_missing(self.manifest.timeout_s)
        frr.wait_alive(needed, CRASHED_DAEMON_S)
        return f"started {', '.join(sorted(missing)) or 'none'}"

    def _refuse_crashed(self) -> None:
        """Raise a Fault when a daemon is gone, or is another process than before the reload."""
        now = frr.wait_alive(frr.needed(self.manifest.daemons), CRASHED_DAEMON_S)
        crashed = sorted(name for name in self.pids.keys() & now.keys() if self.pids[name] != now[name])
        if crashed:
            why = "ended after it got the new configuration, and was started again"
            raise Fault(f"{', '.join(crashed)} crashed", why, "see `journalctl -u frr`; report the crash to FRR")

    def _verify(self) -> None:
        with self.report.step("running configuration") as step:
            step.detail = f"{_await_running(self.manifest.intent, self.said)} lines as intended"
        with self.report.step("verify"):
            self._refuse_crashed()
            found = differences(self.manifest)
            if found:
                why = f"{found}: {some(found.details())}"
                raise Fault("the host is not as the manifest says", why, "see who else changes it")

    def _confirm(self, before: state.Backup) -> None:
        if self.manifest.confirm_within_s is None:
            return
        with self.report.step("confirmation"):
            paths = [file.path for file in self.changed]
            state.begin(state.UnderWay(self.manifest.digest, before.number, paths, "awaiting confirmation"))
            await_confirmation(self.manifest.digest, self.manifest.confirm_within_s)

    def _commit(self, before: state.Backup) -> None:
        with self.report.step("commit"):
            _on_signals(signal.SIG_IGN)
            state.commit(state.Committed(self.manifest.digest, before.number, self.text))
        # It stands from here on: what cannot be tidied up now is passed over, or tidied up by the next run.
        with contextlib.suppress(OSError):
            state.end()
        files.settle([file.path for file in self.changed])

    def _take_back(self, before: state.Backup) -> None:
        """Put everything back as it was, whatever went wrong; nothing may interrupt that."""
        _on_signals(signal.SIG_IGN)
        self.report.outcome = "broken"
        with self.report.step("restore") as step:
            self._restore([file.path for file in self.changed], before)
            state.end()
            step.detail = f"everything is as it was; the backup is {before.folder}"
        self.report.outcome = "restored"

    def _restore(self, paths: list[str], before: state.Backup) -> None:
        """Files, kernel parameters, daemons and running configuration as before.

        Raises:
            Fault: Not all of it is. What could be put back has been.
        """
        problems = _failures(lambda: units.put_back(before.outside.get("units", {})))
        back = files.take_back([*dict.fromkeys([*paths, RUNNING_CONFIG])])
        problems += _failures(
            lambda: _reread_units(back),
            lambda: sysctl.put_back(before.sysctls),
            lambda: outside.put_back_loopbacks(before.outside),
            lambda: outside.put_back_table(before.outside),
        )
        if set(frr.DAEMON_FILES) & set(back):
            # Should this fail, the running configuration will show it.
            _failures(lambda: frr.start_missing(self.manifest.timeout_s))
        _failures(lambda: frr.wait_alive(frr.needed(()), CRASHED_DAEMON_S))
        problems += self._reload_until_as_before(before.running)
        if problems:
            raise Fault(
                "the host is not as it was",
                "; ".join(problems),
                f"the files are; the backup is {before.folder}: mend FRR, then `systemctl restart frr`",
            )

    def _reload_until_as_before(self, running: str) -> list[str]:
        """Reload, reload again, restart: until FRR runs what it ran; what failed, or nothing."""
        tried: list[str] = []
        for attempt in (self._reload_text, self._reload_text, _restart):
            failures = _failures(partial(attempt, running), partial(_await_running, running, []))
            if not failures:
                return []
            tried += failures
        return tried

    def _reload_text(self, running: str) -> None:
        """Reload what FRR ran before; where frr.conf says something else, by way of it and then back."""
        actual = files.found(RUNNING_CONFIG)
        same = actual is not None and not any(difference(actual.content.decode(errors="replace"), running))
        if same or actual is None:
            frr.reload(self.manifest.timeout_s)
            return
        stand_in = ManagedFile(RUNNING_CONFIG, actual.mode, actual.owner, actual.group, tuple(running.splitlines()))
        files.stage([stand_in])
        try:
            files.publish([stand_in])
            frr.reload(self.manifest.timeout_s)
        finally:
            files.take_back([RUNNING_CONFIG])


def _restart(_: str) -> None:
    """The last resort: it ends every session, but the host has its earlier configuration again."""
    frr.restart()
    frr.wait_alive(frr.needed(()), CRASHED_DAEMON_S)


def _failures(*attempts: Callable[[], object]) -> list[str]:
    """Try several things, each although those before it failed, and name the failures."""
    found = []
    for attempt in attempts:
        try:
            attempt()
        except (Fault, OSError) as error:
            found.append(str(error))
    return found


def _await_running(intent: str, said: list[str]) -> int:
    """Wait until FRR runs what is intended.

    Args:
        intent: The configuration that it is to run.
        said: What FRR said when it got it, which may explain a difference.

    Returns:
        How many lines that are.

    Raises:
        Fault: It runs something else.
    """
    deadline = time.monotonic() + SETTLE_S
    while True:
        missing, unexpected = difference(intent, frr.running_config())
        if not missing and not unexpected:
            return len(intent.splitlines())
        if time.monotonic() >= deadline:
            lines = [f"missing: {line}" for line in shown(missing)]
            lines += [f"unexpected: {line}" for line in shown(unexpected)]
            why = f"{some(lines)}{'; FRR said: ' if said else ''}{some(said)}"
            remedy = "FRR took or printed these lines differently: mend what renders them"
            raise Fault("the running configuration is not the intended one", why, remedy)
        time.sleep(0.2)


def _reread_units(paths: list[str]) -> None:
    """Have systemd read drop-ins that have changed."""
    if any(path.startswith(_DROP_INS) for path in paths):
        units.systemctl("daemon-reload")


def _on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, action)


def _interrupted(number: int, _: FrameType | None) -> None:
    name = signal.Signals(number).name
    raise Fault("interrupted", f"the agent got {name}", "run again")

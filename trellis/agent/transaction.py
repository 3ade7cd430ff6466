"""Putting a target into force: all of it, or nothing. This is the order; what each step does is the other modules'.

Up to the step `loopbacks` nothing on the host changes, and a fault there is a refusal. From then on any fault, also a
signal, takes everything back: the files byte for byte, the kernel parameters, the loopbacks, the firewall's table,
and FRR's running configuration, which is compared with the one before, for exit statuses of FRR's tools say little.
Should the agent itself be killed, a timer takes the change back, or the next run, or the next boot.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType

from trellis.agent import (
    adopt,
    advertising,
    backups,
    confirm,
    drain,
    drift,
    files,
    firewall,
    freeze,
    frr,
    history,
    outside,
    preflight,
    recovery,
    state,
    timer,
    vault,
)
from trellis.agent.change import Change
from trellis.agent.host import differences, refuse_unless_meant_for_this_host
from trellis.agent.lock import held_lock
from trellis.agent.report import Fault, Report, say
from trellis.agent.target import Target

OTHER_RELOAD_S = 60.0
"""How long somebody else's reload is waited for; Proxmox reloads FRR at each SDN apply."""


def commit(target: Target, report: Report) -> None:
    """Put a target into force, and say in the report how that ended.

    Args:
        target: What the host is to hold.
        report: Where steps, outcome and fault go; the outcome is `refused` until something has changed.
    """
    try:
        with contextlib.ExitStack() as stack:
            _on_signals(_interrupted)
            with report.step("lock") as step:
                step.detail = stack.enter_context(held_lock(about=target.manifest.digest))
            _Transaction(target, report).run()
    except Fault as fault:
        report.fail_once(fault)
    if report.outcome != "unchanged":
        why = report.error or {}
        with contextlib.suppress(Fault, OSError):
            failed = f"{report.failed_step}: {why.get('what')}: {why.get('why')}"
            state.remember_end(target.manifest.digest, report.outcome, failed if why else "")


class _Transaction:
    """One run under the host's lock."""

    def __init__(self, target: Target, report: Report) -> None:
        self.target = target
        self.manifest = target.manifest
        self.report = report
        self.change = Change(target)

    def run(self) -> None:
        """All steps, in their order."""
        self._look_at_host()
        if self._nothing_to_do():
            self.report.outcome = "unchanged"
            return
        self._refuse()
        before = self._prepare()
        try:
            self._apply(before)
            self._verify(before)
            self._confirm(before)
            self._commit(before)
        except Fault as fault:
            self.report.fail_once(fault)
            self._take_back(before)
        else:
            self.report.outcome = "applied"

    def _look_at_host(self) -> None:
        with self.report.step("frozen"):
            freeze.refuse_if_frozen(self.target.why)
        if (cut_off := state.under_way()) is not None:
            # Before anything is judged: a half-applied change may be why a daemon does not run.
            meant_drained = drain.drained()
            recovery.give_back(cut_off, self.report)
            _on_signals(_interrupted)
            if drain.drained() != meant_drained:
                why = "this host was drained, or was not, when this one was begun"
                raise Fault("an unfinished drain or undrain was taken back", why, "run again")
        with self.report.step("host"):
            if self.target.text is not None:
                refuse_unless_meant_for_this_host(self.manifest)
        with self.report.step("daemons alive") as step:
            # A daemon that this manifest newly enables cannot run yet; any other that is down would take its
            # configuration with it: FRR reloads and saves without it, and says nothing.
            self.change.enabled_before = frr.enabled()
            wanted = frr.needed(self.manifest.daemons) & self.change.enabled_before
            step.detail = ", ".join(sorted(frr.wait_alive(wanted, within_s=0)))

    def _nothing_to_do(self) -> bool:
        with self.report.step("compare") as step:
            # An SDN apply reloads FRR at any time; what is compared in the middle of that says nothing.
            frr.wait_no_reload(OTHER_RELOAD_S)
            found = differences(self.manifest)
            last = state.committed()
            step.detail = f"differences: {found}"
            if last is None or last.digest != self.manifest.digest:
                step.detail += f"; committed before: {last.digest[:12] if last else 'nothing'}"
                return False
            beside = [file for file in self.target.beside if files.differences(file, files.found(file.path))]
            return not found and not beside and self.target.secrets is None

    def _refuse(self) -> None:
        """All that can be refused before anything changes."""
        last = state.committed()
        with self.report.step("drift" if last else "adopt") as step:
            if last is None and self.target.text is not None:
                adopt.refuse_unless_declared(self.manifest)
            elif self.target.over_drift:
                found = drift.edits(self.manifest)
                step.detail = f"overwritten: {'; '.join(found)}" if found else ""
            else:
                drift.refuse_if_edited(self.manifest)
        with self.report.step("preconditions"):
            if self.target.secrets is None:
                vault.refuse_unless_known(file.text for file in self.manifest.files)
            second = advertising.second_senders(self.manifest) if self.target.text is not None else []
            wanted = self.manifest
            outside.refuse_unless_ready(wanted.preconditions, wanted.loopbacks, wanted.kind, second)
        with self.report.step("syntax"):
            frr.check_syntax(self.manifest.intent)
            if (table := outside.table(self.manifest)) is not None:
                firewall.check(table)
            advertising.check(self.manifest)
        with self.report.step("preflight") as step:
            others = {file.path: file.text for file in self.manifest.files if file.path in frr.DAEMON_FILES}
            step.detail = preflight.refuse_unless_loaded(
                self.manifest.intent, frr.needed(self.manifest.daemons), others
            )
        if self.manifest.base is not None and self.target.text is not None:
            from trellis.agent import between  # noqa: PLC0415 - hosts with Proxmox alone need it

            with self.report.step("in-between state") as step:
                step.detail = between.see_with_old_sdn(self.manifest, others)
        with self.report.step("kernel parameters") as step:
            step.detail = self.change.look()

    def _prepare(self) -> backups.Backup:
        """The backup, the timer that takes it back, and all new files beside the old ones."""
        with self.report.step("backup") as step:
            state.prepare()
            before = self.change.back_up()
            step.detail = str(before.folder)
        try:
            with self.report.step("arm timer"):
                timer.arm(self.manifest.digest)
            with self.report.step("stage files") as step:
                step.detail = self.change.stage()
        except Fault:
            timer.disarm()
            raise
        return before

    def _apply(self, before: backups.Backup) -> None:
        with self.report.step("loopbacks") as step:
            self.change.begin(before)
            step.detail = self.change.give_loopbacks()
        moves = {
            "start daemons": self.change.start_daemons,
            "replace files": self.change.replace_files,
            "set kernel parameters": self.change.set_parameters,
            "firewall": self.change.load_table,
            "reload FRR": self.change.reload,
            "daemons still alive": self.change.refuse_crashed,
        }
        for name, move in moves.items():
            with self.report.step(name) as step:
                step.detail = move() or ""
        for unit in self.change.readers:
            with self.report.step(unit) as step:
                step.detail = self.change.have_read(unit)

    def _verify(self, before: backups.Backup) -> None:
        with self.report.step("running configuration") as step:
            step.detail = self.change.refuse_other_configuration()
        with self.report.step("verify"):
            self.change.refuse_differences()
        if self.manifest.sessions_within_s is not None:
            with self.report.step("sessions") as step:
                step.detail = self.change.await_sessions(before)

    def _confirm(self, before: backups.Backup) -> None:
        if self.manifest.confirm_within_s is None:
            return
        with self.report.step("confirmation"):
            confirm.forget()
            self.change.await_confirmation(before)
            say(f"{self.report.host}: awaiting confirmation of {self.manifest.digest}")
            confirm.await_confirmation(self.manifest.digest, self.manifest.confirm_within_s)
        if self.manifest.sessions_within_s is not None:
            # What is lost by hold timers, and not at once, shows by now.
            with self.report.step("sessions still up") as step:
                step.detail = self.change.await_sessions(before)

    def _commit(self, before: backups.Backup) -> None:
        with self.report.step("commit"):
            _on_signals(signal.SIG_IGN)
            last, entry = state.committed(), None
            if self.target.text is None:
                state.withdraw(before.number)
            else:
                first = last.first if last else before.number
                entry = state.Committed(self.manifest.digest, before.number, self.target.text, first)
                state.commit(entry)
        # It stands from here on: what cannot be tidied up now is passed over, or tidied up by the next run.
        with contextlib.suppress(Fault, OSError):
            history.record(entry, self.target.why)
        with contextlib.suppress(Fault, OSError):
            state.end()
        self.change.settle()
        with self.report.step("disarm"):
            timer.disarm()

    def _take_back(self, before: backups.Backup) -> None:
        """Put everything back as it was, whatever went wrong; nothing may interrupt that."""
        _on_signals(signal.SIG_IGN)
        self.report.outcome = "broken"
        try:
            with self.report.step("restore") as step:
                recovery.restore(self.change.paths, before)
                state.end()
                step.detail = f"everything is as it was; the backup is {before.folder}"
        finally:
            # Also when it failed: trying the same again would only end every session again.
            timer.disarm()
        self.report.outcome = "restored"


def _on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, action)


def _interrupted(number: int, _: FrameType | None) -> None:
    name = signal.Signals(number).name
    raise Fault("interrupted", f"the agent got {name}", "run again")

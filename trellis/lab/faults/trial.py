"""One fault carried out: the host before, the deployment with the fault in it, the host after, and the second run.

What has to hold of every fault is held here: a deployment that failed names its host and step, no other host's
committed configuration changes, what ran before runs again, and a second run converges.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from trellis.lab.errors import LabError
from trellis.lab.faults import hold
from trellis.lab.faults.bench import Bench
from trellis.lab.faults.change import Change, Edit, changed, marks
from trellis.lab.faults.deploying import END_S, Deployment, Told
from trellis.lab.faults.fault import AT_RELOAD, Fault, Strike, Verdict
from trellis.lab.faults.look import HostState, changes, lacking

STRIKE_WITHIN_S = 90.0
"""Seconds in which a deployment reaches the point at which its fault strikes."""

SETTLED_WITHIN_S = 150.0
"""Seconds in which a host is whole again by itself: sessions and confirmation are waited for 20 s each, and it may
have to boot."""

SESSIONS_BACK_S = 60.0
"""Seconds in which the sessions of before are Established again; BGP's own timers take most of it."""


class Trial:
    """A fault being carried out.

    Attributes:
        bench: The lab.
        fault: The fault.
        host: The host that it happens to.
        before: Every host as it was.
        change: What is deployed to the host.
        mended: The same without what is wrong in it: what the second run deploys.
        told: How the deployment ended, as its user was told.
        second: How another one ended that ran at the same time.
        mark: An address that stands in what is deployed, and nowhere before.
        secret: The name of the secret that signs the sessions between hosts; empty for none.
        canary: Its value, which is looked for.
        facts: What actions saw, each of which can be a proof.
        settled_within_s: Seconds in which the host is whole again by itself.
        heard_within_s: Seconds in which the controller hears how its deployment to the host ended.
    """

    settled_within_s = SETTLED_WITHIN_S
    heard_within_s = END_S

    def __init__(self, bench: Bench, fault: Fault) -> None:
        """Look at the lab as it is before the fault."""
        self.bench = bench
        self.fault = fault
        self.host = fault.host
        self.before: dict[str, HostState] = bench.look()
        self.cursors = {host: bench.cursor(host) for host in bench.hosts}
        self.mark = bench.fresh_address()
        self.change = self.mended = Change("", "")
        self._choose()
        self.told: Told | None = None
        self.second: Told | None = None
        self.deployment: Deployment | None = None
        self.secret = ""
        self.canary = ""
        self.facts: list[str] = []
        self.struck_at: float | None = None
        self.recovered_s: float | None = None
        self._undo = ExitStack()
        self._silence = ExitStack()
        self._silenced = False

    def _choose(self) -> None:
        lines = (f"permit {self.mark}/32",)
        good = (marks(self.mark), *self.fault.good_edits)
        self.mended = self.changed(*good, lines=lines)
        self.change = self.changed(*good, *self.fault.edits, lines=lines, **self.fault.fields)

    def deploy_first(self, *edits: Edit) -> None:
        """Deploy something that holds before the fault."""
        told = self.bench.deploy(self.host, self.changed(marks(self.bench.fresh_address()), *edits)).wait()
        if not told.ok:
            raise LabError(f"before fault {self.fault.number}", why=told.why, remedy="trellis lab down --stack faults")
        self.look_again()

    def look_again(self) -> None:
        """Take the lab as it is now for what was before the fault: its cause made a change of its own."""
        self.before = self.bench.look()
        self.cursors = {host: self.bench.cursor(host) for host in self.bench.hosts}
        self._choose()

    def changed(self, *edits: Edit, lines: Sequence[str] = (), **fields: Any) -> Change:
        """The host's manifest with edits; its limits are short, so that nobody waits for what does not come."""
        limits = {"confirm_within_s": 15, "sessions_within_s": 20, "timeout_s": 60, **fields}
        return changed(self.before[self.host].manifest, *edits, lines=lines, **limits)

    def afterwards(self, undo: Callable[[], object]) -> None:
        """Have something undone once the state that the fault left has been looked at."""
        self._undo.callback(undo)

    def until_settled(self, undo: Callable[[], object]) -> None:
        """Have something undone as soon as the host has settled: until then nobody hears of it."""
        self._silenced = True
        self._silence.callback(undo)
        self._undo.callback(self._silence.close)

    def fact(self, text: str) -> None:
        """Note something that was seen and proves what happened."""
        self.facts.append(" ".join(text.split()))

    def sh(self, command: str, *, host: str = "", check: bool = True, timeout_s: float = 60) -> str:
        """Run a shell command on the host by the lab's own way in."""
        return self.bench.sh(host or self.host, command, check=check, timeout_s=timeout_s).stdout

    def struck(self) -> None:
        """The fault happened just now: from here on recovery is timed."""
        self.struck_at = time.monotonic()

    def deploy(self) -> None:
        """Deploy the change to the host; the fault strikes where it has to."""
        strike = self.fault.strike
        if strike is not None and strike.at == AT_RELOAD:
            hold.arm(self)
        self.deployment = self.bench.deploy(self.host, self.change)
        if strike is not None:
            self._strike(strike, self.deployment)
        if self._silenced:
            # What the host does by itself is over before its answer can get through again.
            self.settle()
            self._silence.close()
        self.told = self.deployment.wait(self.heard_within_s)

    def _strike(self, strike: Strike, deployment: Deployment) -> None:
        if strike.at == AT_RELOAD:
            reached = hold.wait(self, STRIKE_WITHIN_S)
        else:
            reached = deployment.wait_for(strike.at, STRIKE_WITHIN_S)
        if not reached:
            told = deployment.wait()
            raise LabError(
                f"fault {self.fault.number}",
                why=f"the deployment never got to `{strike.at}`: {told.why or told.text[-300:]}",
                remedy="see the agent's steps",
            )
        self.struck()
        strike.action(self)
        if strike.at == AT_RELOAD and strike.let_go:
            hold.let_go(self)

    def settle(self) -> None:
        """Wait until nothing of a change is at work on the host any more, and time it."""
        deadline = time.monotonic() + self.settled_within_s
        hosts = self.bench.hosts if self.fault.everyone else (self.host,)
        while any(self.bench.at_work(host) for host in hosts):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if self.recovered_s is None:
            since = self.struck_at
            self.recovered_s = _back_in_s(self.told) if since is None else time.monotonic() - since

    def run(self, *, until_red: bool = False) -> Verdict:
        """Carry it out.

        Args:
            until_red: Whether it is over once something is not as it must be: a red fault needs no second run.
        """
        began, problems, proof = time.monotonic(), [], ""
        try:
            with self._undo:
                if self.fault.cause is not None:
                    self.fault.cause(self)
                problems += self._attempted()
                if self.fault.settles:
                    self.settle()
                proof = self.fault.proof(self) or ""
                problems += [] if proof else ["nothing proves that the fault happened"]
                problems += self.fault.end.check(self)
                problems += self._always()
            if not (until_red and problems):
                problems += (self.fault.again or converges)(self)
                problems += self.bench.sessions_lacking(self.before, SESSIONS_BACK_S)
        except LabError as error:
            problems.append(str(error))
        except (OSError, ValueError, LookupError) as error:  # the others are to be tried all the same
            problems.append(f"the trial itself failed: {type(error).__name__}: {error}")
        happened = self._happened()
        return Verdict(self.fault, happened, proof, tuple(problems), self.recovered_s, time.monotonic() - began)

    def _attempted(self) -> list[str]:
        """The deployment; where even its end was not heard of, the host is looked at all the same."""
        try:
            (self.fault.attempt or Trial.deploy)(self)
        except LabError as error:
            return [str(error)]
        return []

    def _always(self) -> list[str]:
        problems = []
        told = self.told
        if told is not None and self.fault.fails is not None and told.ok == self.fault.fails:
            problems.append(f"the run said {'done' if told.ok else f'failed: {told.why}'}")
        if told is not None and not told.ok:
            if self.host not in told.text:
                problems.append(f"the error does not name {self.host}")
            if not told.step and not re.search(rf"{self.host}(-[a-z]+)?: ", told.text):
                problems.append("the error names no step")
        others = () if self.fault.everyone else self.bench.hosts
        now = {host: self.bench.look_at(host) for host in others if host != self.host}
        for host, state in now.items():
            problems += [f"{host}: {change}" for change in changes(self.before[host], state)]
        return problems

    def _happened(self) -> str:
        told = self.told
        if told is None:
            return f"no deployment of ours: {self.facts[0]}" if self.facts else "no deployment"
        if told.ok:
            return "done"
        words = {2: "bad manifest", 3: "refused", 4: "taken back", 5: "NEEDS SOMEBODY"}
        return f"{words.get(told.status or 0, 'failed')}{f' at {told.step}' if told.step else ''}: {told.why}"


def _back_in_s(told: Told | None) -> float | None:
    """How long a host had the new files until it had the old ones again, by the agent's own report."""
    steps = told.report.get("steps", []) if told is not None and told.status == 4 else []
    names = [step["name"] for step in steps]
    began = names.index("replace files") if "replace files" in names else len(names)
    return sum(step["seconds"] for step in steps[began:]) or None


def tried(bench: Bench, fault: Fault) -> Verdict:
    """Carry a fault out, and judge it; a lab that can't even be looked at is a verdict, too."""
    began = time.monotonic()
    try:
        trial = Trial(bench, fault)
    except LabError as error:
        return Verdict(fault, "not tried", "", (str(error),), None, time.monotonic() - began)
    return trial.run()


def converges(trial: Trial) -> list[str]:
    """The second run: the same change without the fault is in force afterwards, and nothing is left over."""
    told = trial.bench.deploy(trial.host, trial.mended).wait()
    if not told.ok:
        return [f"the second run failed at {told.step}: {told.why}"]
    return [f"after the second run: {one}" for one in lacking(trial.mended, trial.bench.look_at(trial.host))]

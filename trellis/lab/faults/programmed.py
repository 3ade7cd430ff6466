"""Deployments by the very program on the real engine, to all hosts: what the user of `pulumi up` would see.

What changes is a prefix that the edge may announce: each host gets a line of a prefix-list by it, and Proxmox nothing.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trellis.lab.deployment import DeploymentError, Operation
from trellis.lab.faults.change import Change
from trellis.lab.faults.deploying import Told
from trellis.lab.faults.look import lacking
from trellis.lab.processes import run

if TYPE_CHECKING:
    from trellis.lab.faults.bench import Bench
    from trellis.lab.faults.trial import Trial
    from trellis.lab.twin import Twin


class Run:
    """A run of the program that has begun."""

    def __init__(self, bench: Bench, twin: Twin, operation: Operation = "up") -> None:
        """Start it."""
        self.lines: list[str] = []
        self.changes: dict[str, int] = {}
        self._bench = bench
        self._twin = twin
        self._operation: Operation = operation
        self._told = Told(ok=False, status=None, text="", why="it has not ended")
        self._heard = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def wait_for(self, text: str, within_s: float) -> bool:
        """Wait until a line of progress holds a text; returns whether one did before the end of the run."""
        with self._heard:
            self._heard.wait_for(lambda: self._has(text) or not self._thread.is_alive(), within_s)
        return self._has(text)

    def kill(self) -> list[str]:
        """Kill everything that runs in the controller's namespace: engine, plugins, program."""
        pids = run(["ip", "netns", "pids", self._bench.controller]).stdout.split()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return pids

    def wait(self) -> Told:
        """Wait for its end."""
        self._thread.join()
        return self._told

    def _has(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def _hear(self, line: str) -> None:
        with self._heard:
            self.lines.append(line)
            self._heard.notify_all()

    def _work(self) -> None:
        try:
            result = self._twin.deploy(self._operation, self._hear)
            self.changes = dict(result.changes)
            self._told = Told(ok=True, status=0, text="\n".join([*self.lines, result.diff]))
        except DeploymentError as error:
            # A failed command is told with the whole of its text; what it said last is why it failed.
            why = "; ".join(" ".join(one.message.strip().splitlines()[-1:]) for one in error.problems)
            self._told = Told(ok=False, status=None, text="\n".join([*self.lines, str(error)]), why=why)
        with self._heard:
            self._heard.notify_all()


def begin(trial: Trial, *, on_failure: str = "keep", operation: Operation = "up") -> Run:
    """Begin a run of the program that changes a line on every host.

    Args:
        trial: What it is part of; its change is replaced by this one.
        on_failure: What becomes of hosts that are done when a later one fails.
        operation: What is run: `up`, or `preview`.
    """
    trial.change = trial.mended = Change("", "", (f"permit {trial.mark}/32",))

    def edit(data: dict[str, Any]) -> None:
        data["edges"]["edge1"]["accepts"] = [f"{trial.mark}/32"]
        data["rollout"]["on_failure"] = on_failure
        if trial.secret:
            data["fabric"]["md5"] = trial.secret

    twin = trial.bench.with_site(edit)
    trial.canary = twin.secrets[trial.secret] if trial.secret else ""
    return Run(trial.bench, twin, operation)


def deploy(trial: Trial) -> None:
    """Run the program, and remember what its user was told."""
    trial.told = begin(trial).wait()


def converges(trial: Trial) -> list[str]:
    """The second run: the program, once more; every host then holds what it says."""
    told = begin(trial).wait()
    if not told.ok:
        return [f"the second run failed: {told.why}"]
    return [
        f"after the second run, {host}: {problem}"
        for host, state in trial.bench.look().items()
        for problem in lacking(trial.change, state)
    ]

"""Deployments in the middle of which the host itself goes away, and comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trellis.lab.errors import LabError
from trellis.lab.faults import causes, hold
from trellis.lab.faults.deploying import Deployment

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial

_REACHED_S = 90.0
_DOWN_S = 30.0


def reboot(trial: Trial) -> None:
    """Reboot the host while its change waits for a confirmation that can't come, and wait until it is up again."""
    deployment = _until_reload(trial)
    causes.cut_link(trial)
    hold.let_go(trial)
    causes.await_confirmation(trial)
    for line in trial.sh("systemctl list-timers --no-legend 'trellis-take-back*'").splitlines():
        trial.fact(f"armed: {line}")
    machine = trial.bench.lab.machine(trial.host)
    trial.struck()
    trial.sh("systemctl reboot", check=False)
    deadline = time.monotonic() + _DOWN_S
    while machine.booted():
        if time.monotonic() > deadline:
            raise LabError(
                f"{trial.host}: reboot", why=f"it did not go down in {_DOWN_S:g} s", remedy="see its console"
            )
        time.sleep(0.1)
    machine.connection.unlink(missing_ok=True)
    causes.boot(trial)
    causes.mend_link(trial)
    trial.told = deployment.wait()


def power_loss_at_reload(trial: Trial) -> None:
    """Cut the host's power when the new files are in place and FRR has not been told of them."""
    deployment = _until_reload(trial)
    trial.struck()
    causes.power_cut(trial)
    causes.boot(trial)
    trial.told = deployment.wait()


def _until_reload(trial: Trial) -> Deployment:
    hold.arm(trial)
    trial.deployment = deployment = trial.bench.deploy(trial.host, trial.change)
    if not hold.wait(trial, _REACHED_S):
        raise LabError(f"fault {trial.fault.number}", why=deployment.wait().why, remedy="see the agent's steps")
    return deployment

"""Fault 20: a second controller deploys to the host while the first one's change is under way."""

from trellis.lab.errors import LabError
from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, Trial, causes, ends, proofs


def second_controller(trial: Trial) -> None:
    """Deploy something else to the same host; what it is told is what counts, the first goes on."""
    trial.second = trial.bench.deploy(trial.host, trial.changed()).wait()


def both(trial: Trial) -> None:
    """Two runs; the first must end well."""
    trial.deploy()
    if trial.told is None or not trial.told.ok:
        raise LabError("fault 20", why=f"the first run failed: {trial.told}", remedy="see the host")
    trial.told = trial.second


FAULT = Fault(
    number=20,
    what="two applies at once",
    must="the second is refused by a lock",
    strike=Strike(AT_RELOAD, causes.both(causes.status, second_controller)),
    attempt=both,
    proof=proofs.said("holds this host's lock"),
    end=ends.applied(refused_at="lock"),
    quick=True,
)

MUTANT = Mutant(
    what="the lock is not taken",
    rewrites=(
        Rewrite(
            "trellis/agent/lock.py",
            "            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
            "            return None\n",
        ),
    ),
    because="the agent's exit status is 0, not 3|fault 20: the first run failed",
)

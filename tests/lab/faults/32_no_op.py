"""Fault 32: the program is run again, and there is nothing to do."""

from trellis.lab.errors import LabError
from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, ends, programmed, proofs


def deploy_first(trial: Trial) -> None:
    """Run the program once, so that all that it says is in force."""
    programmed.deploy(trial)
    if trial.told is None or not trial.told.ok:
        raise LabError("before fault 32", why=str(trial.told and trial.told.why), remedy="see the run of the program")
    trial.look_again()


def deploy_again(trial: Trial) -> None:
    """Run it again, and see what the engine and each host's sshd have of it."""
    run = programmed.begin(trial)
    trial.told = run.wait()
    seen = ", ".join(f"{host} {proofs.logins(trial, host)}" for host in trial.bench.hosts)
    trial.fact(f"second run: {run.changes}; logins by sshd's journal: {seen}")


FAULT = Fault(
    number=32,
    what="no-op re-apply",
    must="no SSH write, no session reset",
    cause=deploy_first,
    attempt=deploy_again,
    proof=proofs.fact("second run: {'same': [0-9]+}"),
    end=ends.nothing_done(),
    again=lambda trial: [],
    fails=False,
    everyone=True,
)

MUTANT = Mutant(
    what="each run's commands are others than those of the run before",
    rewrites=(
        Rewrite(
            "components/host.py",
            "        create=invocation(command),\n",
            "        create=f\"{invocation(command)}  # {__import__('time').time_ns()}\",\n",
        ),
    ),
    because=r"pve0[12]: somebody logged in [0-9]+ times",
)

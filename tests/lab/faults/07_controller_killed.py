"""Fault 7: the controller is killed in the middle of the fleet: one host has the new configuration, one gets it."""

from trellis.lab.errors import LabError
from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, ends, programmed, proofs


def kill_mid_fleet(trial: Trial) -> None:
    """Kill engine, plugins and program when the second host reloads."""
    run = programmed.begin(trial)
    if not run.wait_for(f"{trial.host}: replace files", 120):
        raise LabError("fault 7", why=run.wait().why, remedy="see the run of the program")
    trial.struck()
    trial.fact(f"killed in the controller: {len(run.kill())} processes, {trial.host} at: {run.lines[-1]}")
    trial.told = run.wait()


FAULT = Fault(
    number=7,
    what="controller killed mid-fleet",
    must="each host old or new, never mixed",
    attempt=kill_mid_fleet,
    proof=proofs.fact("killed in the controller"),
    end=ends.each_whole(),
    again=programmed.converges,
    host="pve02",
    everyone=True,
)

MUTANT = Mutant(
    what="FRR gets its configuration back, and the new files stay",
    rewrites=(
        Rewrite(
            "trellis/agent/recovery.py",
            "_failures(lambda: back.extend(put_files_back(paths, before)), vault.reread)",
            "_failures(vault.reread)",
        ),
    ),
    because="pve02: neither old nor new",
    shares=(4, 5, 6, 9, 12, 13, 14, 16, 18, 19, 22, 27, 28),
)

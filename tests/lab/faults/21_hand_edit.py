"""Fault 21: somebody edits the host by hand, and saves it, between the plan and the apply."""

from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, causes, converges, ends, proofs

_LINE = "ip prefix-list BY-HAND seq 5 permit 203.0.113.77/32"
_EDIT = f"vtysh -c 'configure terminal' -c '{_LINE}' -c end -c 'write memory' && grep -n BY-HAND /etc/frr/frr.conf"


def edit(trial: Trial) -> None:
    """Edit it, and take the edited host for what was before: it must not be overwritten."""
    causes.command(_EDIT)(trial)
    trial.look_again()


def repaired(trial: Trial) -> list[str]:
    """Do what the error says: `repair`, then the same again."""
    told = trial.bench.command(trial.host, "repair").wait()
    if not told.ok:
        return [f"repair failed at {told.step}: {told.why}"]
    return converges(trial)


FAULT = Fault(
    number=21,
    what="a person edited the host between plan and apply",
    must="drift error, no overwrite",
    cause=edit,
    proof=proofs.fact("BY-HAND"),
    end=ends.refused("drift"),
    again=repaired,
)

MUTANT = Mutant(
    what="nobody looks whether the host was edited",
    rewrites=(
        Rewrite(
            "trellis/agent/transaction.py",
            "                drift.refuse_if_edited(self.manifest)\n",
            "                pass\n",
        ),
    ),
    because="the agent's exit status is 0, not 3",
)

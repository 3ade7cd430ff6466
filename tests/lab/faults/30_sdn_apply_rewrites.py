"""Fault 30: somebody else applies SDN changes, and Proxmox writes every frr.conf anew; once with our part gone."""

from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, causes, ends, proofs
from trellis.lab.scenarios import breaking

_WORDS = {
    "what": "PVE SDN apply rewrites frr.conf",
    "must": "result still equals the intent, or drift is shown",
}


def apply_by_another(trial: Trial) -> None:
    """Add a VNet and apply, as another operator does; it goes away afterwards."""
    trial.afterwards(lambda: breaking.take_the_others_away(trial.bench.twin))
    trial.struck()
    for line in breaking.apply_by_another(trial.bench.twin):
        trial.fact(line)


FAULTS = (
    Fault(
        number=30,
        variant="another's VNet",
        attempt=apply_by_another,
        proof=proofs.fact("frr.conf was inode"),
        end=ends.intent_or_drift(within_s=60),
        fails=None,
        everyone=True,
        **_WORDS,
    ),
    Fault(
        number=30,
        variant="frr.conf.local is gone",
        cause=causes.command("mv /etc/frr/frr.conf.local /root/taken && echo taken: frr.conf.local"),
        attempt=apply_by_another,
        proof=proofs.fact("frr.conf was inode"),
        # As the scenario `sdn-apply-without-ours`: most of it is Proxmox's own reload, which takes every line of ours
        # out of FRR first, at the machine's pace (80 s quiet, 111 s beside other work); ten seconds are the guard's.
        end=ends.intent_or_drift(within_s=150),
        fails=None,
        everyone=True,
        **_WORDS,
    ),
)

MUTANT = Mutant(
    what="the guard finds nothing, whatever there is",
    rewrites=(Rewrite("trellis/agent/guard.py", "        guarded = _once()\n", "        guarded = Guarded()\n"),),
    because=r"pve01: .*TL-",
    variant="frr.conf.local is gone",
)

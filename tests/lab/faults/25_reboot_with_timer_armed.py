"""Fault 25: the host is rebooted while a change waits for its confirmation."""

from trellis.lab.faults import Fault, Mutant, Rewrite, ends, proofs
from trellis.lab.faults.outages import reboot

FAULT = Fault(
    number=25,
    what="reboot with the timer armed",
    must="boots the known-good config",
    fields={"confirm_within_s": 120},
    attempt=reboot,
    proof=proofs.fact("booted"),
    end=ends.booted_as_before(),
)

MUTANT = Mutant(
    what="at boot a change is taken for one that its agent or timer will end",
    rewrites=(
        Rewrite("trellis/agent/recovery.py", "    if change.boot == state.this_boot():\n", "    if change.boot:\n"),
    ),
    because=r"a change to \w+ is still under way",
    shares=(26,),
)

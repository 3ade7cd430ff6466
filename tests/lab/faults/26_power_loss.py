"""Fault 26: the power fails when the new files are in place and FRR has not got them."""

from trellis.lab.faults import Fault, Mutant, Rewrite, ends, proofs
from trellis.lab.faults.outages import power_loss_at_reload

FAULT = Fault(
    number=26,
    what="power loss between rename and reload",
    must="the boot file is complete",
    attempt=power_loss_at_reload,
    proof=proofs.fact("power cut"),
    end=ends.booted_as_before(),
)

# A skipped fsync cannot be seen here: a lab's power cut kills the kernel of the host, and what that had written is in
# the page cache of the machine below it.
MUTANT = Mutant(
    what="at boot a change that was cut off is forgotten, and its files stay",
    rewrites=(
        Rewrite(
            "trellis/agent/recovery.py",
            "    back = put_files_back(change.paths, before)\n    with",
            "    back: list[str] = []\n    with",
        ),
    ),
    because=r"frr\.conf says besides|/etc/frr/frr\.conf\.local is another one",
    shares=(25,),
)

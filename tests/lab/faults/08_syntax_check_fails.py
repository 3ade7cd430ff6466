"""Fault 8: the new configuration holds a line that FRR does not know."""

from trellis.lab.faults import Fault, Mutant, Rewrite, after, ends, proofs

FAULT = Fault(
    number=8,
    what="syntax check fails",
    must="running and disk unchanged",
    edits=(after("ip prefix-list TL-INFRASTRUCTURE ", "ip prefix-liszt TL-TYPO seq 5 permit 10.0.0.0/8"),),
    proof=proofs.said("prefix-liszt"),
    end=ends.refused("syntax"),
)

# The scratch FRR refuses the line too; the syntax check names it, and costs a tenth of that.
MUTANT = Mutant(
    what="FRR is not asked whether it can read the text",
    rewrites=(Rewrite("trellis/agent/transaction.py", "            frr.check_syntax(self.manifest.intent)\n", ""),),
    because="it failed at `preflight`, not at syntax",
)

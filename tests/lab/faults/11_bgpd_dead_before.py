"""Fault 11: bgpd is dead before the deploy, and can't be started again."""

from trellis.lab.faults import Fault, Mutant, Rewrite, causes, ends, proofs

FAULT = Fault(
    number=11,
    what="bgpd dead before",
    must="refused, frr.conf keeps BGP",
    cause=causes.dead_for_good("bgpd"),
    proof=proofs.said("not running: bgpd"),
    end=ends.refused_on_disk("daemons alive"),
)

# The comparison with the last commit would miss BGP's lines, too, and would take them for somebody's edit.
MUTANT = Mutant(
    what="nobody looks whether the daemons are alive before",
    rewrites=(
        Rewrite(
            "trellis/agent/transaction.py",
            '            step.detail = ", ".join(sorted(frr.wait_alive(wanted, within_s=0)))\n',
            '            step.detail = ", ".join(sorted(wanted))\n',
        ),
    ),
    because="it failed at `[a-z ]+`, not at daemons alive",
)

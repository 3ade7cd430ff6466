"""Fault 14: watchfrr dies during the apply, and systemd starts all of FRR anew."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULT = Fault(
    number=14,
    what="watchfrr restart during apply",
    must="waits, verifies",
    strike=Strike(AT_RELOAD, causes.kill("watchfrr")),
    proof=proofs.journal("frr.service: (Main process exited|Scheduled restart job|Failed with result)"),
    end=ends.whole(),
    fails=None,
)

MUTANT = Mutant(
    what="a change that failed counts as taken back, and nothing is put back",
    rewrites=(
        Rewrite("trellis/agent/transaction.py", "                recovery.restore(self.change.paths, before)\n", ""),
    ),
    because="neither old nor new",
    shares=(4, 5, 6, 7, 9, 12, 13, 16, 18, 19, 24, 27, 28),
)

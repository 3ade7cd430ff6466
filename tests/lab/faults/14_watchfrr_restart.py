"""Fault 14: watchfrr dies during the apply, and systemd starts all of FRR anew."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

FAULT = Fault(
    number=14,
    what="watchfrr restart during apply",
    must="waits, verifies",
    strike=Strike(AT_RELOAD, causes.kill("watchfrr")),
    proof=proofs.journal("frr.service: (Main process exited|Scheduled restart job|Failed with result)"),
    end=ends.whole(),
    fails=None,
)

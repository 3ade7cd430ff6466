"""Fault 22: the agent is killed with the lock in its hand; the timer takes the change back, the next run goes on."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

FAULT = Fault(
    number=22,
    what="stale lock of a dead process",
    must="recovered",
    strike=Strike(AT_RELOAD, causes.kill_agent),
    proof=proofs.fact("killed the agent"),
    end=ends.as_before(),
)

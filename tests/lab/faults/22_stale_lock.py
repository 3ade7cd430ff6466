"""Fault 22: the agent is killed with the lock in its hand; the timer takes the change back, the next run goes on."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULT = Fault(
    number=22,
    what="stale lock of a dead process",
    must="recovered",
    strike=Strike(AT_RELOAD, causes.kill_agent),
    proof=proofs.fact("killed the agent"),
    end=ends.as_before(),
)

MUTANT = Mutant(
    what="the note of a dead holder counts as a lock that is held",
    rewrites=(
        Rewrite(
            "trellis/agent/lock.py",
            "        left = _note(handle)\n",
            "        left = _note(handle)\n"
            "        if left:\n"
            '            raise Locked("another run holds this host\'s lock", str(left), "wait for it to end")\n',
        ),
    ),
    because=r"a change to \w+ is still under way",
)

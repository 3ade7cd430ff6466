"""Fault 24: bgpd crashes, and nothing can be put back: the disk went read-only in the middle of it.

The timer tries it no second time, as each try ends every session: once the disk can be written to, the next run puts
everything back first, and then goes through.
"""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULT = Fault(
    number=24,
    what="the rollback fails",
    must="loud, backup kept, host named",
    strike=Strike(AT_RELOAD, causes.both(causes.read_only_etc, causes.kill("bgpd"))),
    proof=proofs.fact("Read-only file system"),
    end=ends.broken(),
    settles=False,
)

MUTANT = Mutant(
    what="what could not be put back is not told",
    rewrites=(
        Rewrite(
            "trellis/agent/recovery.py",
            "    if problems:\n        raise Fault(\n",
            "    if problems == 0:\n        raise Fault(\n",
        ),
    ),
    because="the agent's exit status is 4, not 5",
)

"""Fault 12: bgpd is killed when it is about to get the new configuration, and when it has it."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULTS = tuple(
    Fault(
        number=12,
        variant=variant,
        what="bgpd crashes during",
        must="detected, rolled back",
        strike=Strike(at, causes.kill("bgpd")),
        proof=proofs.journal("bgpd state -> down|bgpd.*(SIGKILL|[Kk]illed)"),
        end=ends.taken_back(),
    )
    for variant, at in (("at reload", AT_RELOAD), ("afterwards", ": running configuration"))
)

MUTANT = Mutant(
    what="a daemon that is another process after the reload is as good as the one before",
    rewrites=(
        Rewrite(
            "trellis/agent/change.py",
            "sorted(name for name in self._pids.keys() & now.keys() if self._pids[name] != now[name])",
            "[]",
        ),
    ),
    because="the agent's exit status is 0, not 4",
    variant="afterwards",
    shares=(13,),
)

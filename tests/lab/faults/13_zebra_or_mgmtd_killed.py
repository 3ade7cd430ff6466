"""Fault 13: zebra is killed during the reload, and mgmtd, which holds the configuration of others."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULTS = tuple(
    Fault(
        number=13,
        variant=daemon,
        what="zebra or mgmtd killed",
        must="detected, rolled back",
        strike=Strike(AT_RELOAD, causes.kill(daemon)),
        proof=proofs.journal(f"{daemon} state -> down|{daemon}.*(SIGKILL|[Kk]illed)"),
        end=ends.taken_back(),
    )
    for daemon in ("zebra", "mgmtd")
)

# Either of both ends the change: the crash itself, and a reload that zebra's end has cut short.
MUTANT = Mutant(
    what="a crash is passed over, and whatever becomes of the reload",
    rewrites=(
        Rewrite(
            "trellis/agent/change.py",
            "sorted(name for name in self._pids.keys() & now.keys() if self._pids[name] != now[name])",
            "[]",
        ),
        Rewrite(
            "trellis/agent/frr.py",
            '    if ended.status:\n        raise Fault("frr-reload.py", _reasons(ended), _REMEDY_TEXT)\n',
            "",
        ),
    ),
    because="the agent's exit status is 0, not 4",
    variant="zebra",
    shares=(12, 18),
)

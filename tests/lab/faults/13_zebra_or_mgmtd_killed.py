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

MUTANT = Mutant(
    what="a change that was taken back is not put down as over",
    rewrites=(
        Rewrite(
            "trellis/agent/transaction.py",
            "                state.end()\n                step.detail = ",
            "                step.detail = ",
        ),
    ),
    because=r"a change to \w+ is still under way",
    variant="zebra",
    shares=(5, 6, 9, 12, 16, 18, 19, 27, 28),
)

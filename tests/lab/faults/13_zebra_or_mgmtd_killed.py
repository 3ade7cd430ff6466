"""Fault 13: zebra is killed during the reload, and mgmtd, which holds the configuration of others."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

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

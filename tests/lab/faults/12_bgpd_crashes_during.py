"""Fault 12: bgpd is killed when it is about to get the new configuration, and when it has it."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

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

"""Fault 5: the controller's cable is out before the change waits for its confirmation."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

FAULT = Fault(
    number=5,
    what="SSH cut before the confirmation",
    must="rolls back by itself",
    strike=Strike(AT_RELOAD, causes.cut_link),
    proof=proofs.fact("DOWN|state DOWN"),
    end=ends.as_before(),
    fields={"confirm_within_s": 8},
)

MUTANT = Mutant(
    what="silence counts as a confirmation",
    rewrites=(
        Rewrite(
            "trellis/agent/confirm.py",
            '    raise Fault("not confirmed", why, ',
            '    return\n    raise Fault("not confirmed", why, ',
        ),
    ),
    because=r"committed is \w+, was \w+",
    shares=(4, 6, 7, 23, 28),
)

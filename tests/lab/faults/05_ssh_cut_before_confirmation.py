"""Fault 5: the controller's cable is out before the change waits for its confirmation."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

FAULT = Fault(
    number=5,
    what="SSH cut before the confirmation",
    must="rolls back by itself",
    strike=Strike(AT_RELOAD, causes.cut_link),
    proof=proofs.fact("DOWN|state DOWN"),
    end=ends.as_before(),
    fields={"confirm_within_s": 8},
)

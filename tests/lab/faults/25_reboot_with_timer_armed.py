"""Fault 25: the host is rebooted while a change waits for its confirmation."""

from trellis.lab.faults import Fault, ends, proofs
from trellis.lab.faults.outages import reboot

FAULT = Fault(
    number=25,
    what="reboot with the timer armed",
    must="boots the known-good config",
    fields={"confirm_within_s": 120},
    attempt=reboot,
    proof=proofs.fact("booted"),
    end=ends.booted_as_before(),
)

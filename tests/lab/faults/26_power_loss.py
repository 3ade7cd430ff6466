"""Fault 26: the power fails when the new files are in place and FRR has not got them."""

from trellis.lab.faults import Fault, ends, proofs
from trellis.lab.faults.outages import power_loss_at_reload

FAULT = Fault(
    number=26,
    what="power loss between rename and reload",
    must="the boot file is complete",
    attempt=power_loss_at_reload,
    proof=proofs.fact("power cut"),
    end=ends.booted_as_before(),
)

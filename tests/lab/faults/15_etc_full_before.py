"""Fault 15: /etc is full before the deploy."""

from trellis.lab.faults import Fault, causes, ends, proofs

FAULT = Fault(
    number=15,
    what="/etc full before",
    must="refused",
    cause=causes.small_file_system(free_kib=0),
    proof=proofs.fact("of: .* 0 /etc"),
    end=ends.refused(),
    quick=True,
)

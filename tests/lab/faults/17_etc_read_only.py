"""Fault 17: /etc is read-only, as after an error of the disk."""

from trellis.lab.faults import Fault, causes, ends, proofs

FAULT = Fault(
    number=17,
    what="read-only /etc",
    must="refused",
    cause=causes.read_only_etc,
    proof=proofs.fact("Read-only file system"),
    end=ends.refused(),
)

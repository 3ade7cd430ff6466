"""Fault 27: the edge's session gets another ASN, and never comes up again."""

from trellis.lab.faults import Fault, ends, proofs, replaced

FAULT = Fault(
    number=27,
    what="peers never reach Established",
    must="rollback at the deadline",
    edits=(replaced(" neighbor 10.255.0.254 remote-as 4200000000", " neighbor 10.255.0.254 remote-as 4200000099"),),
    proof=proofs.said("10.255.0.254"),
    end=ends.taken_back("sessions"),
    fields={"sessions_within_s": 10},
)

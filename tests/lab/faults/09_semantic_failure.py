"""Fault 9: a line that reads well, and that bgpd refuses on this host alone: the neighbour is the host itself."""

from trellis.lab.faults import Fault, after, ends, proofs

FAULT = Fault(
    number=9,
    what="semantic failure at apply",
    must="running and frr.conf restored byte for byte",
    edits=(after(" neighbor 10.255.0.254 timers connect", " neighbor 10.10.0.11 remote-as 4200000077"),),
    proof=proofs.said("local system as neighbor|10.10.0.11"),
    end=ends.taken_back("reload FRR", "running configuration"),
)

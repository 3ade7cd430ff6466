"""Fault 11: bgpd is dead before the deploy, and can't be started again."""

from trellis.lab.faults import Fault, causes, ends, proofs

FAULT = Fault(
    number=11,
    what="bgpd dead before",
    must="refused, frr.conf keeps BGP",
    cause=causes.dead_for_good("bgpd"),
    proof=proofs.said("not running: bgpd"),
    end=ends.refused_on_disk("daemons alive"),
)

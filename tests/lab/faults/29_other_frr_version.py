"""Fault 29: the host's FRR is another release than the one that its configuration was rendered for."""

from trellis.lab.faults import Fault, Mutant, Rewrite, ends, proofs

FAULT = Fault(
    number=29,
    what="FRR version differs from the one rendered for",
    must="refused",
    fields={"frr_version": "10.7"},
    proof=proofs.said("FRR 10.3 is installed"),
    end=ends.refused("host"),
)

MUTANT = Mutant(
    what="nobody looks which FRR the host has",
    rewrites=(Rewrite("trellis/agent/host.py", "    if version != manifest.frr_version:\n", "    if not version:\n"),),
    because="the agent's exit status is 0, not 3",
)

"""Fault 10: the VNI of a VRF is given to a second one, which FRR drops with status 0 and no word."""

from trellis.lab.faults import Fault, Mutant, Rewrite, after, ends, proofs

FAULT = Fault(
    number=10,
    what="silent drop with status 0 (duplicate VNI)",
    must="caught by comparing running config with intent, rolled back",
    edits=(after("ip prefix-list TL-INFRASTRUCTURE ", "vrf vrf_second", " vni 4096", "exit-vrf"),),
    proof=proofs.said("vni 4096"),
    end=ends.unharmed("preflight", "running configuration"),
)

# Preflight, the step after the reload and the last look at the host share the one comparison.
MUTANT = Mutant(
    what="a line that FRR does not run is not missed",
    rewrites=(
        Rewrite(
            "trellis/agent/normalise.py",
            "    return sorted((wanted - found).elements()), sorted((found - wanted).elements())\n",
            "    return [], sorted((found - wanted).elements())\n",
        ),
    ),
    because="the agent's exit status is 0, not 4",
)

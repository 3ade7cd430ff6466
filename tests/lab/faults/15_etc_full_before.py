"""Fault 15: /etc is full before the deploy."""

from trellis.lab.faults import Fault, Mutant, Rewrite, causes, ends, proofs

FAULT = Fault(
    number=15,
    what="/etc full before",
    must="refused",
    cause=causes.small_file_system(free_kib=0),
    proof=proofs.fact("of: .* 0 /etc"),
    end=ends.refused(),
    quick=True,
)

MUTANT = Mutant(
    what="new files are written when they are put in place, and not before",
    rewrites=(
        Rewrite("trellis/agent/change.py", "        files.stage(self.changed)\n", ""),
        Rewrite(
            "trellis/agent/files.py",
            '    """Put each staged file in the place of its target, which stays at hand for `take_back`."""\n',
            "    stage(files)\n",
        ),
    ),
    because="the agent's exit status is 4, not 3",
    shares=(17,),
)

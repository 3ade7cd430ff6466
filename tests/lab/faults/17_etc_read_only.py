"""Fault 17: /etc is read-only, as after an error of the disk."""

from trellis.lab.faults import Fault, Mutant, Rewrite, causes, ends, proofs

FAULT = Fault(
    number=17,
    what="read-only /etc",
    must="refused",
    cause=causes.read_only_etc,
    proof=proofs.fact("Read-only file system"),
    end=ends.refused(),
)

MUTANT = Mutant(
    what="that a file could not be written is passed over until it is to be renamed",
    rewrites=(
        Rewrite(
            "trellis/agent/files.py",
            "        raise _in_the_way(str(path.parent), error) from error\n",
            "        return\n",
        ),
    ),
    because="the agent's exit status is 4, not 3",
    shares=(15,),
)

"""Fault 9: a line that reads well, and that bgpd refuses on this host alone: the neighbour is the host itself."""

from trellis.lab.faults import Fault, Mutant, Rewrite, after, ends, proofs

FAULT = Fault(
    number=9,
    what="semantic failure at apply",
    must="running and frr.conf restored byte for byte",
    edits=(after(" neighbor 10.255.0.254 timers connect", " neighbor 10.10.0.11 remote-as 4200000077"),),
    proof=proofs.said("local system as neighbor|10.10.0.11"),
    end=ends.taken_back("reload FRR", "running configuration"),
)

MUTANT = Mutant(
    what="FRR writes its running configuration over the file that was put back",
    rewrites=(
        Rewrite(
            "trellis/agent/transaction.py",
            "                recovery.restore(self.change.paths, before)\n",
            "                recovery.restore(self.change.paths, before)\n"
            '                frr.run(["vtysh", "-c", "write memory"], 20)\n',
        ),
    ),
    because=r"/etc/frr/frr\.conf is another one",
    shares=(5, 6, 12, 13, 18, 19, 27, 28),
)

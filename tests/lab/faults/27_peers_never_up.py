"""Fault 27: the edge's session gets another ASN, and never comes up again."""

from trellis.lab.faults import Fault, Mutant, Rewrite, ends, proofs, replaced

FAULT = Fault(
    number=27,
    what="peers never reach Established",
    must="rollback at the deadline",
    edits=(replaced(" neighbor 10.255.0.254 remote-as 4200000000", " neighbor 10.255.0.254 remote-as 4200000099"),),
    proof=proofs.said("10.255.0.254"),
    end=ends.taken_back("sessions"),
    fields={"sessions_within_s": 10},
)

MUTANT = Mutant(
    what="sessions are not waited for",
    rewrites=(
        Rewrite(
            "trellis/agent/change.py",
            "        return sessions.await_back(\n"
            "            self._sessions, before.running, self.manifest.intent, self.manifest.sessions_within_s or 0\n"
            "        )\n",
            '        return "not waited for"\n',
        ),
    ),
    because="the agent's exit status is 0, not 4",
)

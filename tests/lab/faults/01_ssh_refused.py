"""Fault 1: a host's sshd does not listen when the program is run."""

from trellis.lab.faults import Fault, causes, ends, programmed, proofs

FAULT = Fault(
    number=1,
    what="SSH refused before start",
    must="nothing touched",
    cause=causes.command(
        "systemctl stop ssh.socket ssh.service 2>&1; echo listening on 22: $(ss -Hltn 'sport = :22' | wc -l)",
        undo="systemctl start ssh.service",
    ),
    attempt=programmed.deploy,
    proof=proofs.said("refused"),
    end=ends.untouched(),
    again=programmed.converges,
)

"""Fault 1: a host's sshd does not listen when the program is run."""

from trellis.lab.faults import Fault, Mutant, Rewrite, causes, ends, programmed, proofs

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

MUTANT = Mutant(
    what="no host waits for the one before it, and a refused connection is tried for long",
    rewrites=(
        Rewrite("__main__.py", "rollout.before(bundle.host, ready)", "[]"),
        Rewrite(
            "__main__.py",
            "[*ready[bundle.host], *before, *rollout.before_commit(bundle.host, done)]",
            "ready[bundle.host]",
        ),
        Rewrite("components/host.py", "dial_error_limit=3", "dial_error_limit=12"),
    ),
    because=r"pve02: committed is \w+, was \w+",
)

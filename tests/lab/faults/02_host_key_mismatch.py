"""Fault 2: a host shows another key than the one pinned in the site: reinstalled, or somebody is in between."""

from trellis.lab.faults import Fault, Mutant, Rewrite, causes, ends, programmed, proofs

_KEY = "/etc/ssh/ssh_host_ed25519_key"

FAULT = Fault(
    number=2,
    what="host key mismatch",
    must="refused before anything is sent",
    cause=causes.command(
        f"""
        cp -p {_KEY} /run/pinned_key
        rm {_KEY} && ssh-keygen -q -t ed25519 -N '' -f {_KEY}
        systemctl restart ssh.service
        ssh-keygen -lf {_KEY}
        """,
        undo=f"cp -p /run/pinned_key {_KEY} && ssh-keygen -yf {_KEY} > {_KEY}.pub && systemctl restart ssh.service",
    ),
    attempt=programmed.deploy,
    proof=proofs.said("host key mismatch|host key"),
    end=ends.untouched(nobody_logged_in=True),
    again=programmed.converges,
)

MUTANT = Mutant(
    what="the host key is not pinned",
    rewrites=(Rewrite("components/host.py", "            host_key=self.ssh.host_key,\n", ""),),
    because=r"somebody logged in [0-9]+ times",
)

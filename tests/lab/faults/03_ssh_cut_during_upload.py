"""Fault 3: the connection is cut while the manifest is on its way; the cable is slow, and then it is out."""

from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, causes, ends, proofs


def cut_in_the_middle(trial: Trial) -> None:
    """Cut the cable some packets after the login, then mend it; sshd and the agent see the connection end."""
    trial.deployment = trial.bench.deploy(trial.host, trial.change)
    causes.await_login(trial)
    trial.struck()
    causes.cut_link(trial)
    causes.count_received(trial)
    causes.end_ssh_sessions(trial)
    causes.mend_link(trial)
    trial.told = trial.deployment.wait()


FAULT = Fault(
    number=3,
    what="SSH cut during upload",
    must="live file untouched",
    cause=causes.slow_link,
    attempt=cut_in_the_middle,
    proof=proofs.fact("have arrived in all"),
    end=ends.untouched(),
)

MUTANT = Mutant(
    what="what arrives is written over the live file, and judged afterwards",
    rewrites=(
        Rewrite(
            "trellis/agent/main.py",
            "            manifest = drain.meant(text)\n",
            '            with open("/etc/frr/frr.conf", "w") as live:\n'
            "                live.write(text)\n"
            "            manifest = drain.meant(text)\n",
        ),
    ),
    because=r"/etc/frr/frr\.conf (is another one|was written)",
)

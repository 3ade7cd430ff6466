"""Fault 31: a secret is deployed whose every letter is looked for afterwards, and in command lines meanwhile."""

from trellis.lab.faults import Fault, Mutant, Rewrite, canary, proofs

FAULT = Fault(
    number=31,
    what="canary secret",
    must="absent from stdout, preview, logs, temp files; encrypted in state",
    attempt=canary.deploy,
    proof=proofs.fact("[1-9] lines of frr.conf hold the canary"),
    end=canary.NOWHERE,
    again=canary.again,
    fails=False,
    everyone=True,
)

MUTANT = Mutant(
    what="frr-reload.py sees values, and logs what it does",
    rewrites=(
        Rewrite("trellis/agent/veil.py", "    if actual is None or not pairs:\n", "    if pairs is not None:\n"),
    ),
    because=r"pve0[12]: /var/log/frr/frr-reload\.log",
)

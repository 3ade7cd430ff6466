"""Fault 19: frr-reload.py hangs; and somebody holds the lock on FRR's configuration."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

_WORDS = {"what": "frr-reload hangs or lock held", "must": "our timeout, rollback"}

FAULTS = (
    Fault(
        number=19,
        variant="hangs",
        fields={"timeout_s": 10},
        strike=Strike(AT_RELOAD, causes.command("pgrep -af 'frr-reload.py --reload'"), let_go=False),
        proof=proofs.fact("frr-reload.py --reload"),
        end=ends.taken_back("reload FRR"),
        **_WORDS,
    ),
    Fault(
        number=19,
        variant="lock held",
        fields={"timeout_s": 10},
        strike=Strike(AT_RELOAD, causes.hold_config_lock(for_s=20)),
        proof=proofs.fact("locked"),
        end=ends.taken_back(),
        **_WORDS,
    ),
)

MUTANT = Mutant(
    what="a program that hangs is waited for without end",
    rewrites=(Rewrite("trellis/agent/process.py", "            child.wait(within_s)\n", "            child.wait()\n"),),
    because="the deployment to pve01: no end after",
    variant="hangs",
)

"""Fault 4: the connection ends at a step of the apply; nobody comes to confirm."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

_WORDS = {
    "what": "SSH cut during apply",
    "must": "the host finishes or rolls back by itself",
}

FAULTS = tuple(
    Fault(
        number=4,
        variant=variant,
        strike=Strike(at, causes.end_ssh_sessions),
        proof=proofs.fact("sshd"),
        end=ends.whole(),
        fields={"confirm_within_s": 8},
        **_WORDS,
    )
    for variant, at in (
        ("at compare", ": daemons alive"),
        ("at backup", ": syntax"),
        ("at reload", AT_RELOAD),
        ("at verify", ": daemons still alive"),
    )
)

# A dead agent's change is taken back by the timer, and a living one's by itself: both have to fail.
MUTANT = Mutant(
    what="the agent dies of a word that nobody hears, and no timer is armed",
    rewrites=(
        Rewrite(
            "trellis/agent/report.py",
            "    with contextlib.suppress(OSError, ValueError):\n"
            "        print(unsaid(text), file=sys.stderr, flush=True)\n",
            "    print(unsaid(text), file=sys.stderr, flush=True)\n",
        ),
        Rewrite(
            "trellis/agent/transaction.py",
            "                timer.arm(self.manifest.digest)\n",
            "                pass\n",
        ),
    ),
    because="neither old nor new",
    variant="at verify",
)

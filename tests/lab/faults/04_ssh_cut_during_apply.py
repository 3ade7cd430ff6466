"""Fault 4: the connection ends at a step of the apply; nobody comes to confirm."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

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

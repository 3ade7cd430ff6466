"""Fault 28: the clock jumps a day while a change waits: forwards with the agent alive, backwards with it dead."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

_WORDS = {"what": "clock jump", "must": "timer is monotonic"}

FAULTS = (
    Fault(
        number=28,
        variant="a day forwards",
        strike=Strike(
            AT_RELOAD,
            causes.both(causes.cut_link, causes.let_reload_go, causes.await_confirmation, causes.set_clock("+1 day")),
            let_go=False,
        ),
        proof=proofs.fact("clock"),
        end=ends.as_before_within(first_s=10, last_s=45),
        **_WORDS,
    ),
    Fault(
        number=28,
        variant="a day backwards, agent dead",
        strike=Strike(
            AT_RELOAD,
            causes.both(
                causes.cut_link,
                causes.let_reload_go,
                causes.await_confirmation,
                causes.set_clock("-1 day"),
                causes.kill_agent,
            ),
            let_go=False,
        ),
        proof=proofs.fact("clock"),
        end=ends.as_before_within(first_s=0, last_s=45),
        **_WORDS,
    ),
)

MUTANT = Mutant(
    what="the confirmation is waited for by the clock that a time server sets",
    rewrites=(
        Rewrite(
            "trellis/agent/confirm.py",
            "    deadline = time.monotonic() + within_s\n    while time.monotonic() < deadline:\n",
            "    deadline = time.time() + within_s\n    while time.time() < deadline:\n",
        ),
    ),
    because=r"the confirmation was waited for [0-9.]+ s, not 10 s or more",
    variant="a day forwards",
)

"""Fault 24: bgpd crashes, and nothing can be put back: the disk went read-only in the middle of it."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, Trial, causes, converges, ends, proofs


def mended(trial: Trial) -> list[str]:
    """The disk can be written to again: the timer takes the change back by itself, and the same goes through."""
    trial.struck()
    trial.settle()
    found = ends.as_before().check(trial)
    return [*(f"once it can be written to: {one}" for one in found), *converges(trial)]


FAULT = Fault(
    number=24,
    what="the rollback fails",
    must="loud, backup kept, host named",
    strike=Strike(AT_RELOAD, causes.both(causes.read_only_etc, causes.kill("bgpd"))),
    proof=proofs.fact("Read-only file system"),
    end=ends.broken(),
    again=mended,
    settles=False,
)

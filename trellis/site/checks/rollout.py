"""The order of a run can be followed: its canary is changed at all, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.site.model import Site
from trellis.site.refusal import Refusal

LONGEST_WAIT_S = 900
"""Seconds for which a host waits at most for its confirmation: the host runs meanwhile what nobody has accepted."""


def check(site: Site) -> Iterator[Refusal]:
    """Yield a refusal for each thing that does not fit.

    Args:
        site: A site whose references hold.
    """
    wanted = site.rollout
    canary = wanted.canary
    if canary is not None and (why := site.hosts[canary].maintenance) is not None:
        yield Refusal(
            "rollout.canary",
            f"{canary}, which is in maintenance: {why}",
            "the host that goes first is one that is changed at all",
            "a run would begin with a host that nobody chose for that",
            "name another host, or leave canary out: then the one with the lowest id goes first",
        )
    others = sum(host.maintenance is None for host in site.hosts.values()) - 1
    batches = 1 + -(-others // wanted.batch_size)
    if wanted.on_failure == "roll_back" and batches * wanted.confirm_within_s > LONGEST_WAIT_S:
        yield Refusal(
            "rollout",
            f"{batches} batches of {wanted.confirm_within_s} s each",
            f"with on_failure: roll_back, all batches together take at most {LONGEST_WAIT_S} s",
            "the first host runs unconfirmed until the last one has applied; for that long nobody could change it",
            "make batch_size larger or confirm_within_s smaller, or choose on_failure: keep",
        )

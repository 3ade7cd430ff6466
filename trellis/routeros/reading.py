"""Reads the prefixes of an edge's pools: asks, judges, and asks again where the reason may pass, a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from trellis.routeros.client import Patience, Router, ask
from trellis.routeros.delegations import Found, delegated
from trellis.routeros.problem import RouterosProblem


def read(
    router: Router,
    pools: Mapping[str, str],
    patience: Patience,
    say: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """Return the prefix of each pool.

    Args:
        router: Whom to ask.
        pools: The pools, and the path in the site at which each stands.
        patience: How long, and how often.
        say: Is told why it is asked again.
        sleep: Waits between attempts.

    Raises:
        RouterosProblem: The last attempt's reasons, or the first that do not pass.
    """
    last: RouterosProblem | None = None
    for number, pause_s in enumerate(patience.pauses(), start=1):
        if last is not None:
            first = last.refusals[0]
            say(f"{router.edge}: {first.path}: {first.value}; attempt {number} of {patience.attempts} in {pause_s:g} s")
            sleep(pause_s)
        try:
            return delegated(router.edge, ask(router, patience), pools)
        except RouterosProblem as problem:
            if not problem.passing:
                raise
            last = problem
    assert last is not None, "there is at least one attempt"
    raise last

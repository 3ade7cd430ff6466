"""Reads an edge's pools and its routes: asks, judges, and asks again where the reason may pass, a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from trellis.routeros.client import Patience, Router, answers, ask
from trellis.routeros.delegations import Found, delegated
from trellis.routeros.problem import RouterosProblem
from trellis.routeros.routes import QUESTIONS, Route, routes

_Said = TypeVar("_Said")


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
    return _again(router, patience, lambda: delegated(router.edge, ask(router, patience), pools), say, sleep)


def read_routes(
    router: Router,
    patience: Patience,
    say: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Route, ...]:
    """Return the routes by which a router forwards; see `read` for the arguments and what is raised."""

    def once() -> tuple[Route, ...]:
        said = answers(router, patience, QUESTIONS.values())
        return routes(router.edge, dict(zip(QUESTIONS, said, strict=True)))

    return _again(router, patience, once, say, sleep)


def _again(
    router: Router,
    patience: Patience,
    once: Callable[[], _Said],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> _Said:
    last: RouterosProblem | None = None
    for number, pause_s in enumerate(patience.pauses(), start=1):
        if last is not None:
            first = last.refusals[0]
            say(f"{router.edge}: {first.path}: {first.value}; attempt {number} of {patience.attempts} in {pause_s:g} s")
            sleep(pause_s)
        try:
            return once()
        except RouterosProblem as problem:
            if not problem.passing:
                raise
            last = problem
    assert last is not None, "there is at least one attempt"
    raise last

"""How many cases a property really ran, and how they ended; ``tests/conftest.py`` prints it at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

FEWEST = 1000
"""Cases of a counted property where ``--cases`` says nothing: seconds, not minutes."""

NOTE = "cases"
"""Key of the counts among what pytest notes of a test."""


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of one property, or of one part of it.

    Attributes:
        wanted: How many all parts together shall run.
        ended: How many of this part ended how, while it runs.
    """

    wanted: int
    ended: Counter[str]

    def run(self, judge: Callable[..., str], parts: int, **strategies: st.SearchStrategy[Any]) -> None:
        """Judge this part's share of the cases, and simplify the first one that fails.

        Args:
            judge: Takes what is drawn, returns how the case ended, and raises if it is a bad one.
            parts: How many parts there are.
            strategies: What is drawn, by the name of its argument.
        """

        def judged(**drawn: Any) -> None:
            how = judge(**drawn)
            self.ended[how] += 1

        share = -(-self.wanted // parts)
        settings(
            max_examples=share,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            derandomize=self.wanted <= FEWEST,
        )(given(**strategies)(judged))()


def summary(noted: Iterable[tuple[str, Mapping[str, int]]]) -> list[str]:
    """Return a line for each property with its count of cases.

    Args:
        noted: Name of a test and its counts, one for each of its parts.
    """
    sums: dict[str, Counter[str]] = {}
    for name, ended in noted:
        sums.setdefault(name, Counter()).update(ended)
    return [
        f"{name}: {sum(ended.values())} cases ({', '.join(f'{count} {how}' for how, count in sorted(ended.items()))})"
        for name, ended in sorted(sums.items())
    ]

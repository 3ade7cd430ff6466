"""How many cases a property really ran, and how they ended; ``tests/conftest.py`` prints it at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from hypothesis import HealthCheck, Phase, given, seed, settings
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
        ended: How many of this part ended how, while it runs; a plain dict, which travels between xdist's processes.
    """

    wanted: int
    ended: dict[str, int]

    def run(
        self,
        judge: Callable[..., Iterable[str]],
        parts: int,
        *,
        of: str = "",
        simplify: bool = True,
        **strategies: st.SearchStrategy[Any],
    ) -> None:
        """Judge one part's share of the cases, and stop at the first one that fails.

        Args:
            judge: Takes what is drawn, returns how each case of it ended, and raises if there is a bad one.
            parts: How many parts there are: cases of one draw times tests of one property.
            of: What this part is about: each part of a short run draws its own cases, always the same.
            simplify: Whether what fails can become simpler; a seed can't.
            strategies: What is drawn, by the name of its argument.
        """

        def judged(**drawn: Any) -> None:
            for how in judge(**drawn):
                self.ended[how] = self.ended.get(how, 0) + 1

        test = settings(
            max_examples=-(-self.wanted // parts),
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate, Phase.shrink] if simplify else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(**strategies)(judged))
        (seed(crc32(of.encode()))(test) if self.wanted <= FEWEST else test)()


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

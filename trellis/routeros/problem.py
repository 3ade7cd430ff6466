"""Why a router's answer can't be used: path, value, rule, why it matters, what to do, as for a site."""

from __future__ import annotations

from collections.abc import Iterable

from trellis.site.refusal import Refusal


class RouterosProblem(Exception):
    """An edge that did not say which prefixes it has, with every reason at once.

    Args:
        edge: Name of the edge.
        refusals: The reasons.
        passing: Whether it may pass: a question asked again a moment later may be answered.
    """

    def __init__(self, edge: str, refusals: Iterable[Refusal], *, passing: bool = False) -> None:
        self.edge = edge
        self.refusals = tuple(sorted(set(refusals)))
        self.passing = passing
        count = len(self.refusals)
        heading = f"what {edge} says is not taken, for {count} reason{'s' if count != 1 else ''}; nothing was changed"
        super().__init__("\n".join([heading, *map(str, self.refusals)]))

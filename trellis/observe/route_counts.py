"""How many of each guest's routes are accepted, and how many refused for which reason, counted by the store."""

from __future__ import annotations

from collections import Counter, defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Database

from trellis.observe.tables import Route, RouteState

Refused = dict[int, Counter[str]]


def route_counts(database: Database) -> tuple[Counter[int], Refused]:
    """Return how many routes of each peering, by its id, are accepted, and how many refused by reason.

    Args:
        database: The store.
    """
    columns = (Route.peering_id, Route.state, Route.rejection_code)
    current = Route.state.in_((RouteState.ACCEPTED, RouteState.REJECTED))
    accepted: Counter[int] = Counter()
    refused: Refused = defaultdict(Counter)
    counted = select(*columns, func.count()).where(current).group_by(*columns)
    for peering, state, code, count in database.execute(counted):
        if state == RouteState.ACCEPTED:
            accepted[peering] += count
        else:
            refused[peering][code or "unknown"] += count
    return accepted, refused

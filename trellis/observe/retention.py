"""What is forgotten: history beyond the store's retention, and more of it than one guest may make."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, delete, func, or_, select
from sqlalchemy.orm import Session as Transaction

from trellis.observe.tables import Event, Peering, PeeringState, Route, RouteState
from trellis.observe.transaction import chunks

RETENTION_DAYS = 30
MOST_WITHDRAWN = 1_000
"""Withdrawn routes that are kept of one guest: one that announces another prefix each second fills no disk."""

MOST_EVENTS = 10_000
"""Events that are kept of one guest."""


def prune(db: Transaction, before: datetime) -> int:
    """Forget what ended before a moment: events, withdrawn routes, removed guests, strangers that stay away.

    Args:
        db: The transaction.
        before: What ended earlier is forgotten.

    Returns:
        How many rows went.
    """
    gone = _gone(db, delete(Event).where(Event.at < before))
    gone += _gone(db, delete(Route).where(Route.withdrawn_at < before))
    gone += _gone(db, delete(Peering).where(or_(Peering.removed < before, _away_since(before))))
    return gone + _too_many_routes(db) + _too_many_events(db)


def _away_since(before: datetime) -> ColumnElement[bool]:
    """Guests of open VNets without a session for so long."""
    still = (PeeringState.ESTABLISHED, PeeringState.UNKNOWN, PeeringState.PENALTY)
    return (Peering.mode == "open") & Peering.state.not_in(still) & (Peering.last_updated < before)


def _too_many_routes(db: Transaction) -> int:
    counted = select(Route.peering_id).where(Route.state == RouteState.WITHDRAWN).group_by(Route.peering_id)
    gone = 0
    for peering in db.scalars(counted.having(func.count() > MOST_WITHDRAWN)).all():
        of_peering = select(Route.id).where(Route.peering_id == peering, Route.state == RouteState.WITHDRAWN)
        newest = of_peering.order_by(Route.withdrawn_at.desc(), Route.id.desc())
        for some in chunks(db.scalars(newest.offset(MOST_WITHDRAWN)).all()):
            gone += _gone(db, delete(Route).where(Route.id.in_(some)))
    return gone


def _too_many_events(db: Transaction) -> int:
    guests = select(Event.network_id, Event.guest_ip).where(Event.guest_ip != "")
    gone = 0
    for network, address in db.execute(
        guests.group_by(Event.network_id, Event.guest_ip).having(func.count() > MOST_EVENTS)
    ).all():
        of_guest = select(Event.id).where(Event.network_id == network, Event.guest_ip == address)
        newest = of_guest.order_by(Event.at.desc(), Event.id.desc())
        for some in chunks(db.scalars(newest.offset(MOST_EVENTS)).all()):
            gone += _gone(db, delete(Event).where(Event.id.in_(some)))
    return gone


def _gone(db: Transaction, order: Delete) -> int:
    found: Any = db.execute(order, execution_options={"synchronize_session": False})
    return int(found.rowcount)

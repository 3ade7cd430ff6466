"""Questions to the store: what commands, the API, the page and the metrics show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session as Transaction

from trellis.observe.tables import Event, ObservedHost, Peering, Route, Session

PAGE_SIZE = 100

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of an answer.

    Attributes:
        total: How many there are in all.
        page: Which part this is, from 1.
        page_size: Most items of a part.
    """

    items: tuple[Item, ...]
    total: int
    page: int = 1
    page_size: int = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class PeeringFilter:
    """Which peerings are meant; None is any.

    Attributes:
        network: A VNet's id.
        guest: A guest's name, or its address.
        removed: Whether those are meant that were removed, instead of those that were not.
        vm: A VM's number in Proxmox.
    """

    network: str | None = None
    tenant: str | None = None
    guest: str | None = None
    host: str | None = None
    state: str | None = None
    asn: int | None = None
    removed: bool = False
    vm: str | None = None


@dataclass(frozen=True, slots=True)
class RouteFilter:
    """Which routes are meant; None is any.

    Attributes:
        peering: A peering's uuid or number.
        reason: A rejection's code.
        state: Without one, and without a peering, those that were withdrawn are left out.
    """

    peering: str | None = None
    network: str | None = None
    guest: str | None = None
    host: str | None = None
    state: str | None = None
    reason: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are meant; None is any."""

    network: str | None = None
    guest: str | None = None
    host: str | None = None
    kind: str | None = None
    since: datetime | None = None


def peerings(db: Transaction, wanted: PeeringFilter, page: int = 1, page_size: int = PAGE_SIZE) -> Page[Peering]:
    """Return peerings by VNet, guest and address."""
    question: Any = select(Peering).where(Peering.removed.is_not(None) if wanted.removed else Peering.removed.is_(None))
    question = _where(
        question,
        (Peering.network_id, wanted.network),
        (Peering.tenant, wanted.tenant),
        (Peering.host, wanted.host),
        (Peering.vm_id, wanted.vm),
        (Peering.state, wanted.state),
        (Peering.guest_asn, wanted.asn),
    )
    question = _of_guest(question, Peering.guest, Peering.guest_ip, wanted.guest)
    ordered = question.order_by(Peering.network_id, Peering.guest, Peering.guest_ip, Peering.id)
    return _page(db, ordered, page, page_size, single=True)


def peering(db: Transaction, key: str) -> Peering | None:
    """Return the peering of a uuid or a number."""
    return db.scalars(select(Peering).where(_keyed(key))).first()


def routes(
    db: Transaction, wanted: RouteFilter, page: int = 1, page_size: int = PAGE_SIZE
) -> Page[tuple[Route, Peering]]:
    """Return routes with their peerings: by VNet, guest and prefix, the newest of a prefix first."""
    question: Any = select(Route, Peering).join(Peering, Peering.id == Route.peering_id)
    question = _where(
        question,
        (Peering.network_id, wanted.network),
        (Peering.host, wanted.host),
        (Route.state, wanted.state),
        (Route.rejection_code, wanted.reason),
        (Route.prefix, wanted.prefix),
    )
    question = _of_guest(question, Peering.guest, Peering.guest_ip, wanted.guest)
    if wanted.peering is not None:
        question = question.where(_keyed(wanted.peering))
    elif wanted.state is None:
        question = question.where(Route.withdrawn_at.is_(None))
    by_guest = (Peering.network_id, Peering.guest, Peering.guest_ip, Route.prefix, Route.received_at.desc(), Route.id)
    return _page(db, question.order_by(*by_guest), page, page_size)


def events(db: Transaction, wanted: EventFilter, page: int = 1, page_size: int = PAGE_SIZE) -> Page[Event]:
    """Return events, the newest first."""
    question = _where(
        select(Event), (Event.network_id, wanted.network), (Event.host, wanted.host), (Event.kind, wanted.kind)
    )
    question = _of_guest(question, Event.guest, Event.guest_ip, wanted.guest)
    if wanted.since is not None:
        question = question.where(Event.at >= wanted.since)
    return _page(db, question.order_by(Event.at.desc(), Event.id.desc()), page, page_size, single=True)


def sessions(db: Transaction) -> tuple[tuple[Session, Peering], ...]:
    """Return how each host has each peering that was not removed."""
    question = select(Session, Peering).join(Peering, Peering.id == Session.peering_id).where(Peering.removed.is_(None))
    order = (Peering.network_id, Peering.guest, Peering.guest_ip, Session.host)
    return tuple((session, owner) for session, owner in db.execute(question.order_by(*order)))


def hosts(db: Transaction) -> tuple[ObservedHost, ...]:
    """Return the hosts that are read, by name."""
    return tuple(db.scalars(select(ObservedHost).order_by(ObservedHost.name)))


def _keyed(key: str) -> ColumnElement[bool]:
    # A number that SQLite or PostgreSQL could not hold is nobody's.
    return Peering.id == int(key) if key.isascii() and key.isdigit() and len(key) < 19 else Peering.uuid == key


def _where(question: Any, *wanted: tuple[Any, str | int | None]) -> Any:
    for column, value in wanted:
        if value is not None:
            question = question.where(column == value)
    return question


def _of_guest(question: Any, name: Any, address: Any, wanted: str | None) -> Any:
    return question if wanted is None else question.where(or_(name == wanted, address == wanted))


def _page(db: Transaction, question: Any, page: int, page_size: int, *, single: bool = False) -> Page[Any]:
    total = db.scalar(select(func.count()).select_from(question.order_by(None).subquery())) or 0
    rows = db.execute(question.limit(page_size).offset((page - 1) * page_size)).all()
    return Page(tuple(row[0] if single else tuple(row) for row in rows), total, page, page_size)

"""What Prometheus scrapes: the store's state of guests' sessions, routes and hosts, read anew at each scrape.

What is not known is absent, never 0: a host that is not read says nothing of its sessions, and a guest whose only
session may be on such a host is neither up nor down.  Names and labels stand in ``trellis.render.metric_names``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from threading import Lock

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session as Database

from trellis.observe import queries
from trellis.observe.families import Family, family
from trellis.observe.route_counts import Refused, route_counts
from trellis.observe.tables import Event, EventKind, ObservedHost, Peering, PeeringState, Session
from trellis.render import metric_names as names


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class StoreMetrics:
    """The store's metrics, in a registry of their own."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = now) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_StoreCollector(engine, clock))

    def text(self) -> bytes:
        """Return them in Prometheus's text format."""
        return generate_latest(self._registry)


class _StoreCollector(Collector):
    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._events = _EventCounter(engine)

    def describe(self) -> Iterable[Family]:
        """Return nothing: what is described is not read when it is registered."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield every metric with its values, all from one look into the store."""
        with Database(self._engine) as database:
            hosts = queries.hosts(database)
            rows = database.scalars(select(Peering).where(Peering.removed.is_(None)).order_by(Peering.id))
            # Two series with the same labels would make Prometheus refuse all; of such rows the newest counts.
            peerings = tuple({tuple(_labels(row)): row for row in rows}.values())
            kept = {peering.id for peering in peerings}
            sessions = [pair for pair in queries.sessions(database) if pair[1].id in kept]
            accepted, refused = route_counts(database)
            yield from of_sessions(sessions, hosts, peerings)
            yield from of_peerings(peerings, accepted, refused)
            yield from of_hosts(hosts, self._clock())
        yield self._events.family()


def of_sessions(
    sessions: Iterable[tuple[Session, Peering]], hosts: Iterable[ObservedHost], peerings: Iterable[Peering]
) -> Iterator[Family]:
    """Yield what is said of sessions on each host, and of how many hosts have one.

    Args:
        sessions: Each peering as a host has it.
        hosts: The hosts that are read.
        peerings: The peerings, also those that no host has.
    """
    each, up, unknown = (
        family(metric) for metric in (names.SESSION_ESTABLISHED, names.SESSION_HOSTS, names.SESSION_UNKNOWN_HOSTS)
    )
    unread = {host.name for host in hosts if not host.reached}
    found: dict[int, list[bool | None]] = defaultdict(list)
    for session, peering in sessions:
        is_known = session.host not in unread and session.state != PeeringState.UNKNOWN
        is_up = session.state == PeeringState.ESTABLISHED if is_known else None
        found[peering.id].append(is_up)
        if is_up is not None:
            each.add_metric([*_labels(peering), session.host], int(is_up))
    for peering in peerings:
        seen = found[peering.id]
        number = sum(1 for is_up in seen if is_up)
        missing = sum(1 for is_up in seen if is_up is None)
        unknown.add_metric(_labels(peering), missing)
        if number or not (missing or peering.state == PeeringState.UNKNOWN):
            up.add_metric(_labels(peering), number)
    return iter((each, up, unknown))


def of_peerings(peerings: Iterable[Peering], accepted: Counter[int], refused: Refused) -> Iterator[Family]:
    """Yield what is said of each guest as a whole.

    Args:
        peerings: The guests.
        accepted: How many of a peering's routes are accepted.
        refused: How many of a peering's routes are refused, by reason.
    """
    state, held = family(names.PEERING_STATE), family(names.PENALTY)
    taken, not_taken = family(names.PREFIXES_ACCEPTED), family(names.PREFIXES_REJECTED)
    reasons = family(names.REJECTED_ROUTES)
    for peering in peerings:
        labels = _labels(peering)
        state.add_metric([*labels, peering.state], 1)
        if peering.state == PeeringState.UNKNOWN:
            continue
        held.add_metric(labels, int(peering.state == PeeringState.PENALTY))
        taken.add_metric(labels, accepted[peering.id])
        of_it = refused.get(peering.id, Counter())
        not_taken.add_metric(labels, of_it.total())
        for reason, count in sorted(of_it.items()):
            reasons.add_metric([*labels, reason], count)
    return iter((state, held, taken, not_taken, reasons))


def of_hosts(hosts: Iterable[ObservedHost], at: datetime) -> Iterator[Family]:
    """Yield what is said of the hosts that are read.

    Args:
        hosts: The hosts.
        at: The time now.
    """
    reached, age = family(names.HOST_REACHED), family(names.HOST_AGE)
    for host in hosts:
        reached.add_metric([host.name], int(host.reached))
        if host.last_read is not None:
            read = host.last_read if host.last_read.tzinfo else host.last_read.replace(tzinfo=UTC)
            age.add_metric([host.name], max(0.0, (at - read).total_seconds()))
    return iter((reached, age))


class _EventCounter:
    """Counts events as they come; the store forgets old ones, and a counter must not fall."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._last: int | None = None

    def family(self) -> Family:
        """Return how many events of each kind there were since the first call."""
        with self._lock, Database(self._engine) as database:
            newest = database.scalar(select(func.max(Event.id))) or 0
            if self._last is None or newest < self._last:  # a new store in the old one's place
                self._last = newest
            seen = (Event.id > self._last, Event.id <= newest)
            for kind, count in database.execute(select(Event.kind, func.count()).where(*seen).group_by(Event.kind)):
                self._counts[kind] += count
            self._last = newest
            counts = Counter(self._counts)
        shown = family(names.EVENTS)
        for kind in EventKind:
            shown.add_metric([kind.value], counts[kind.value])
        return shown


def _labels(peering: Peering) -> list[str]:
    """Return the values of `names.OF_GUEST`."""
    return [peering.network_id, peering.tenant, peering.guest, peering.guest_ip]

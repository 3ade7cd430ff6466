"""The working set of one transaction on the store: rows read once, events gathered, peerings settled at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from trellis.observe.observation import SeenPeer, SeenRoute
from trellis.observe.standing import standing
from trellis.observe.tables import UNKNOWN, Event, EventKind, Peering, PeeringState, Route, RouteState, Session
from trellis.reach.known import Known, Party
from trellis.reach.reasons import judge

_AT_ONCE = 500
"""Values in one IN (...); SQLite takes 32766 variables, PostgreSQL 65535."""

UNEXPLAINED = "the host's filters refuse it, and the site's policy would not: see `trellis check {host}`"

Value = TypeVar("Value")


def cut(text: str, length: int = 255) -> str:
    """Return a text that fits its column."""
    return text if len(text) <= length else text[: length - 1] + "…"


def chunks(values: Iterable[Value]) -> Iterator[Sequence[Value]]:
    """Yield values in groups that one question may name."""
    found = list(values)
    for start in range(0, len(found), _AT_ONCE):
        yield found[start : start + _AT_ONCE]


class Work:
    """What one transaction does.

    Args:
        db: The transaction, which the caller begins and commits.
        known: The site's guests and VNets.
        at: The moment that it is about.
    """

    def __init__(self, db: Transaction, known: Known, at: datetime) -> None:
        self.db = db
        self.known = known
        self.at = at
        self.events: list[Event] = []
        self._touched: dict[int, Peering] = {}
        self._peers: dict[int, tuple[str, SeenPeer]] = {}
        self._came_up: set[int] = set()

    def tell(
        self, kind: EventKind, host: str, peering: Peering | None = None, detail: str = "", **more: str | datetime
    ) -> None:
        """Keep an event."""
        own = (
            {}
            if peering is None
            else {
                "network_id": peering.network_id,
                "guest": peering.guest,
                "guest_ip": peering.guest_ip,
                "peering_uuid": peering.uuid,
            }
        )
        self.events.append(Event(**{"at": self.at, "kind": kind, "host": host, "detail": cut(detail), **own, **more}))

    def peerings(self, addresses: Iterable[str]) -> dict[tuple[str, str], Peering]:
        """The rows of some addresses, by VNet and address; removed ones, too."""
        found: dict[tuple[str, str], Peering] = {}
        for some in chunks(set(addresses)):
            for peering in self.db.scalars(select(Peering).where(Peering.guest_ip.in_(some)).order_by(Peering.id)):
                found[peering.network_id, peering.guest_ip] = peering
        return found

    def new_peering(self, party: Party, address: str, asn: int = 0, mac: str | None = None) -> Peering:
        """Add a row for an address."""
        guest, network = party.guest, party.network
        peering = Peering(
            uuid=str(uuid4()),
            network_id=network.name,
            tenant=network.tenant,
            guest=guest.name if guest else UNKNOWN,
            vm_id=str(guest.vmid) if guest and guest.vmid else UNKNOWN,
            nic_id=f"net{guest.nic}" if guest and guest.vmid else UNKNOWN,
            mac=guest.mac if guest else mac,
            host="",
            mode="bound" if guest else "open",
            guest_asn=guest.asn if guest else asn,
            guest_ip=address,
            vr_asn=network.asn,
            vr_ip=network.gateway,
            state=PeeringState.IDLE,
            prefixes_received=0,
            prefixes_sent=0,
            created=self.at,
        )
        self.db.add(peering)
        self.db.flush()
        return peering

    def touch(self, peering: Peering, host: str = "", peer: SeenPeer | None = None) -> None:
        """Have a peering settled at the end, with what a host says of its routes, if that host has the session."""
        self._touched[peering.id] = peering
        if peer is not None:
            self._peers[peering.id] = (host, peer)

    def came_up(self, peering: Peering) -> None:
        """Note that a host has a new session of a peering: it may be the second one."""
        self._came_up.add(peering.id)

    def settle(self) -> tuple[Event, ...]:
        """Bring every peering touched, and its routes, in line with its sessions; returns what happened."""
        self.db.flush()
        sessions: dict[int, list[Session]] = {key: [] for key in self._touched}
        routes: dict[int, list[Route]] = {key: [] for key in self._touched}
        for some in chunks(self._touched):
            for session in self.db.scalars(select(Session).where(Session.peering_id.in_(some)).order_by(Session.host)):
                sessions[session.peering_id].append(session)
            active = Route.peering_id.in_(some), Route.state != RouteState.WITHDRAWN
            for route in self.db.scalars(select(Route).where(*active).order_by(Route.id)):
                routes[route.peering_id].append(route)
        for key, peering in self._touched.items():
            self._settle(peering, sessions[key], routes[key])
        self.db.add_all(self.events)
        return tuple(self.events)

    def _settle(self, peering: Peering, sessions: list[Session], routes: list[Route]) -> None:
        now = standing(peering, sessions)
        state = PeeringState.WITHDRAWN if peering.removed else now.state
        self._tell_of_hosts(peering, state, now.host, [found.host for found in sessions if _is_up(found)])
        of_session = now.session
        values = {
            "state": str(state),
            "host": now.host,
            "uptime_seconds": of_session.uptime_seconds if of_session and _is_up(of_session) else None,
            "prefixes_received": of_session.prefixes_received if of_session else 0,
            "prefixes_sent": of_session.prefixes_sent if of_session else 0,
            "last_error": (of_session.last_error if of_session else None) or peering.last_error,
        }
        changed = {name: value for name, value in values.items() if getattr(peering, name) != value}
        for name, value in changed.items():
            setattr(peering, name, value)
        if changed:
            peering.last_updated = self.at
        if state == PeeringState.ESTABLISHED:
            host, peer = self._peers.get(peering.id, ("", None))
            if peer is not None and host == now.host:
                self._sync(peering, host, peer, routes)
        elif state != PeeringState.UNKNOWN:
            for route in routes:
                self._withdraw(peering, now.host, route)

    def _tell_of_hosts(self, peering: Peering, state: PeeringState, host: str, up: list[str]) -> None:
        if state == PeeringState.ESTABLISHED and peering.host not in ("", host):
            self.tell(EventKind.SESSION_MOVED, host, peering, f"from {peering.host} to {host}")
        if len(up) > 1 and peering.id in self._came_up:
            self.tell(EventKind.SESSION_DOUBLED, host, peering, f"Established on {' and '.join(up)} at once")

    def _sync(self, peering: Peering, host: str, peer: SeenPeer, rows: list[Route]) -> None:
        """Bring the rows of an Established peering in line with what its host says."""
        wanted = {route.prefix: route for route in peer.routes}
        for row in rows:
            if row.prefix not in wanted:
                self._withdraw(peering, host, row)
        there = {row.prefix: row for row in rows if row.prefix in wanted}
        for prefix, seen in wanted.items():
            row = there.get(prefix) or self._new_route(peering, prefix)
            row.next_hop, row.as_path = seen.next_hop, cut(seen.as_path)
            self._judged(peering, host, peer, seen, row)

    def _new_route(self, peering: Peering, prefix: str) -> Route:
        length = int(prefix.rpartition("/")[2])
        route = Route(uuid=str(uuid4()), peering_id=peering.id, prefix=prefix, prefix_length=length, state="")
        route.received_at = self.at
        self.db.add(route)
        return route

    def _judged(self, peering: Peering, host: str, peer: SeenPeer, seen: SeenRoute, row: Route) -> None:
        if seen.accepted is None:
            row.state = row.state or RouteState.RECEIVED
            return
        code, sentence = (None, None) if seen.accepted else self._reason(peering, host, peer, seen)
        state = RouteState.ACCEPTED if seen.accepted else RouteState.REJECTED
        if (row.state, row.rejection_code, row.rejection_reason) == (state, code, sentence):
            return
        fresh = row.state != state
        row.state, row.rejection_code, row.rejection_reason = state, code, sentence
        row.accepted_at = (self.at if fresh else row.accepted_at) if seen.accepted else None
        if fresh:
            kind = EventKind.ROUTE_ACCEPTED if seen.accepted else EventKind.ROUTE_REJECTED
            self.tell(kind, host, peering, sentence or "", prefix=row.prefix)

    def _reason(self, peering: Peering, host: str, peer: SeenPeer, seen: SeenRoute) -> tuple[str | None, str]:
        party = self.known.party(peer.vrf, peering.guest_ip)
        found = judge(self.known, party, peer.remote_as, seen.prefix, seen.as_path) if party else None
        return (str(found.code), cut(found.sentence)) if found else (None, cut(UNEXPLAINED.format(host=host)))

    def _withdraw(self, peering: Peering, host: str, row: Route) -> None:
        if row.state == RouteState.WITHDRAWN:
            return
        row.state, row.withdrawn_at = RouteState.WITHDRAWN, self.at
        self.tell(EventKind.ROUTE_WITHDRAWN, host, peering, prefix=row.prefix)


def _is_up(session: Session) -> bool:
    return session.state == PeeringState.ESTABLISHED

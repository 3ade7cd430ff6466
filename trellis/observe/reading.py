"""One line of a host, put into the rows of its sessions: what came up, went, is kept off, or was refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from trellis.observe.observation import Observation, SeenPeer
from trellis.observe.tables import Event, EventKind, Peering, PeeringState, Session
from trellis.observe.transaction import Work, cut
from trellis.reach.known import Party
from trellis.reach.reasons import over_limit

SAME_SESSION = timedelta(seconds=3)
"""How far apart two sayings of when a session came up may be: uptimes are whole seconds, and looks take a moment."""

REFUSED_AGAIN = timedelta(minutes=10)
"""How long a refusal that is like the last one makes no new event: guests try again each second."""

_OVER = "Maximum Number of Prefixes Reached"
"""How bgpd words the notification of RFC 4486 subcode 1."""


class Reading:
    """What one line changes.

    Args:
        work: The transaction.
        seen: The line.
    """

    def __init__(self, work: Work, seen: Observation) -> None:
        self._work = work
        self._seen = seen
        self._host = seen.host
        self._off = {entry.address for entry in seen.penalized}
        addresses = {entry.address for group in (seen.peers, seen.penalized, seen.refused) for entry in group}
        self._rows = work.peerings(addresses)
        of_host = select(Session, Peering).join(Peering, Peering.id == Session.peering_id)
        found = work.db.execute(of_host.where(Session.host == seen.host))
        self._sessions = {peering.id: (session, peering) for session, peering in found}

    def record(self) -> None:
        """Bring the rows in line with it."""
        listed = {row.id for peer in self._seen.peers if (row := self._of_peer(peer)) is not None}
        for address in sorted(self._off):
            if (row := self._of_penalized(address, listed)) is not None:
                listed.add(row.id)
        gone = {address for _, address in self._seen.gone}
        for key, (session, row) in list(self._sessions.items()):
            if key in listed:
                continue
            if self._seen.whole or row.guest_ip in gone:
                self._end(row, session, "the host no longer has it as a neighbour")
                self._work.db.delete(session)
                self._work.touch(row)
            elif session.state == PeeringState.PENALTY:
                self._work.tell(EventKind.PENALTY_ENDED, self._host, row)
                session.state, session.last_updated = PeeringState.IDLE, self._seen.at
                self._work.touch(row)
        for refusal in self._seen.refused:
            self._refused(refusal.address, refusal.why, refusal.count)

    def _of_peer(self, peer: SeenPeer) -> Peering | None:
        party = self._work.known.party(peer.vrf, peer.address)
        if party is None or (party.guest is None and not peer.dynamic):
            return None  # A neighbour that the site does not declare is one that it had before the next deploy.
        row = self._row(party, peer.address)
        if row is None:
            # Whoever connects without ever getting a session leaves no row: anybody on an open VNet can do that.
            if not peer.established:
                return None
            row = self._add(party, peer.address, peer.remote_as, peer.mac)
        if peer.established:
            row.removed = row.vm_destroyed = None
            if party.guest is None:
                row.mode, row.guest_asn, row.mac = "open", peer.remote_as, peer.mac or row.mac
        self._update(row, party, peer)
        self._work.touch(row, self._host, peer)
        return row

    def _row(self, party: Party, address: str) -> Peering | None:
        return self._rows.get((party.network.name, address))

    def _add(self, party: Party, address: str, asn: int = 0, mac: str | None = None) -> Peering:
        row = self._work.new_peering(party, address, asn, mac)
        self._rows[row.network_id, row.guest_ip] = row
        return row

    def _update(self, row: Peering, party: Party, peer: SeenPeer) -> None:
        """Bring the host's row of a session in line, and tell what became of it."""
        known = self._sessions.get(row.id)
        before = known[0] if known else None
        off = not peer.established and self._is_off(peer)
        error = _error(peer, party, off=off) or (None if peer.established or before is None else before.last_error)
        begun = self._seen.at - timedelta(seconds=peer.uptime_s or 0) if peer.established else None
        began = before.established_at if before is not None else None
        same = begun is not None and began is not None and abs(begun - began) <= SAME_SESSION
        if began is not None and not same:
            self._tell_down(row, error, min(begun, self._seen.at) if begun else self._seen.at)
        if begun is not None and not same:
            self._work.tell(EventKind.SESSION_UP, self._host, row, f"AS {peer.remote_as}", at=begun)
            self._work.came_up(row)
        was_off = before is not None and _was_off(before, party)
        if off and not was_off:
            self._work.tell(EventKind.PENALTY_BEGUN, self._host, row, error or "")
        elif was_off and not off:
            self._work.tell(EventKind.PENALTY_ENDED, self._host, row)
        self._write(
            row,
            before,
            {
                "state": str(PeeringState.PENALTY if off else PeeringState(peer.state)),
                "established_at": began if same else begun,
                "uptime_seconds": peer.uptime_s if peer.established else None,
                "prefixes_received": peer.received,
                "prefixes_sent": peer.sent,
                "last_error": error,
            },
        )

    def _write(self, row: Peering, before: Session | None, values: dict[str, object]) -> None:
        if before is None:
            before = Session(peering_id=row.id, host=self._host, last_updated=self._seen.at, **values)
            self._work.db.add(before)
            self._sessions[row.id] = (before, row)
            return
        changed = {name: value for name, value in values.items() if getattr(before, name) != value}
        for name, value in changed.items():
            setattr(before, name, value)
        if changed:
            before.last_updated = self._seen.at

    def _is_off(self, peer: SeenPeer) -> bool:
        """Whether a neighbour is kept off: a host says so, or bgpd stays Idle after it cut the session off.

        A static passive neighbour waits in Active once its penalty is over.
        """
        return peer.address in self._off or (peer.state == "Idle" and _OVER in (peer.last_notification or ""))

    def _of_penalized(self, address: str, listed: set[int]) -> Peering | None:
        """An address that is kept off by the host's kernel, and that bgpd may not know any more."""
        party = self._work.known.party(None, address)
        if party is None:
            return None
        row = self._row(party, address) or self._add(party, address)
        session = self._sessions[row.id][0] if row.id in self._sessions else None
        if row.id in listed or (session is not None and self._still_up(session, row)):
            return row
        if session is not None and session.established_at is not None:
            self._tell_down(row, over_limit(party.limits), self._seen.at)
        if session is None or not _was_off(session, party):
            self._work.tell(EventKind.PENALTY_BEGUN, self._host, row, over_limit(party.limits))
        values = {"state": str(PeeringState.PENALTY), "established_at": None, "uptime_seconds": None}
        counts = {"prefixes_received": 0, "prefixes_sent": 0, "last_error": over_limit(party.limits)}
        self._write(row, session, values | counts)
        self._work.touch(row)
        return row

    def _still_up(self, session: Session, row: Peering) -> bool:
        """Whether a session that a partial line does not list is still there."""
        gone = any(address == row.guest_ip for _, address in self._seen.gone)
        return not self._seen.whole and not gone and session.state == PeeringState.ESTABLISHED

    def _end(self, row: Peering, session: Session, why: str) -> None:
        if session.established_at is not None:
            self._tell_down(row, session.last_error or why, self._seen.at)
        if session.state == PeeringState.PENALTY:
            self._work.tell(EventKind.PENALTY_ENDED, self._host, row)

    def _tell_down(self, row: Peering, why: str | None, at: datetime) -> None:
        self._work.tell(EventKind.SESSION_DOWN, self._host, row, why or "", at=at)

    def _refused(self, address: str, why: str, count: int) -> None:
        """A refused attempt is an event, and an error of a row that is there; it makes no row."""
        party = self._work.known.party(None, address)
        row = self._row(party, address) if party else None
        last = select(Event).where(Event.kind == EventKind.OPEN_REFUSED, Event.guest_ip == address)
        last = last.where(Event.host == self._host).order_by(Event.at.desc(), Event.id.desc()).limit(1)
        before = self._work.db.scalars(last).first()
        times = f" ({count} times)" if count > 1 else ""
        if before is None or not before.detail.startswith(why) or self._seen.at - before.at >= REFUSED_AGAIN:
            more = {} if row else {"guest_ip": address, "network_id": party.network.name if party else ""}
            self._work.tell(EventKind.OPEN_REFUSED, self._host, row, f"{why}{times}", **more)
        if row is not None and row.id in self._sessions and self._sessions[row.id][0].established_at is None:
            session = self._sessions[row.id][0]
            if session.state != PeeringState.PENALTY:
                session.last_error = cut(why)
                self._work.touch(row)


def _error(peer: SeenPeer, party: Party, *, off: bool) -> str | None:
    """Why a session is not up, as far as its host says; what bgpd says of one that never was is noise."""
    if peer.established:
        return None
    if off or _OVER in (peer.last_notification or ""):
        return over_limit(party.limits)
    if peer.last_notification:
        return cut(peer.last_notification)
    return cut(peer.last_reset) if peer.last_reset and peer.resets else None


def _was_off(before: Session, party: Party) -> bool:
    if before.state == PeeringState.UNKNOWN:
        return before.established_at is None and before.last_error == over_limit(party.limits)
    return before.state == PeeringState.PENALTY

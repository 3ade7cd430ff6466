"""What is written into the store: each thing that is seen, in one transaction, so that seeing it twice changes nothing.

Moments are those of the host that saw something; a line that is older than what the store has of that host is not
looked at.  Whether a session is the one that was there before is told by when it came up, so that neither a collector
that starts anew nor a host that was away makes an event of what went on all the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session as Transaction

from trellis.observe import mapping
from trellis.observe.observation import Observation
from trellis.observe.reading import Reading
from trellis.observe.retention import prune
from trellis.observe.tables import Event, EventKind, ObservedHost, Peering, PeeringState, Session
from trellis.observe.transaction import Work, cut
from trellis.observe.virtual_machines import Machines
from trellis.reach.known import Known

CLOCK_SET_BACK = timedelta(minutes=5)
"""A line older than the last one by more than this is no repeated one: the host's clock was set."""


class Recorder:
    """Writes what is seen into a store.

    Args:
        engine: The store, as ``open_store`` gives it.
        known: The site's guests and VNets.
    """

    def __init__(self, engine: Engine, known: Known) -> None:
        self._engine = engine
        self._known = known

    def declare(self, hosts: Iterable[str], at: datetime) -> tuple[Event, ...]:
        """Have a row for every declared guest, and none for guests and hosts that the site has no longer.

        Args:
            hosts: The site's hosts.
            at: Now.
        """
        with Transaction(self._engine, expire_on_commit=False) as db, db.begin():
            work = Work(db, self._known, at)
            self._forget_hosts(work, set(hosts))
            rows = {(row.network_id, row.guest_ip): row for row in db.scalars(select(Peering).order_by(Peering.id))}
            for key, guest in self._known.guests.items():
                party = self._known.party(None, guest.address)
                if party is None or party.guest is not guest:
                    continue
                row = rows.pop(key, None) or work.new_peering(party, guest.address)
                _describe(row, guest.name, "bound", guest.asn, guest.mac)
                row.tenant, row.vr_asn, row.vr_ip = party.network.tenant, party.network.asn, party.network.gateway
                row.removed = row.vm_destroyed
                work.touch(row)
            for (name, _), row in rows.items():
                network = self._known.networks.get(name)
                if row.removed is None and (row.mode == "bound" or network is None or network.mode != "open"):
                    _remove(work, row)
            return work.settle()

    def saw(self, seen: Observation) -> tuple[Event, ...]:
        """Record a line of a host's agent; returns what happened."""
        with Transaction(self._engine, expire_on_commit=False) as db, db.begin():
            work = Work(db, self._known, seen.at)
            host = db.get(ObservedHost, seen.host)
            if host is not None and host.last_read is not None:
                late = host.last_read - seen.at
                if timedelta() <= late < CLOCK_SET_BACK:
                    return ()
            if seen.away is not None:
                self._lose(work, seen.host, f"bgpd is away: {seen.away}")
                return work.settle()
            host = host or _new_host(db, seen.host)
            if not host.reached:
                work.tell(EventKind.HOST_REACHED, seen.host)
            host.reached, host.error, host.last_read = True, None, seen.at
            Reading(work, seen).record()
            return work.settle()

    def unreached(self, host: str, why: str, at: datetime) -> tuple[Event, ...]:
        """Record that a host can't be read: of its sessions nothing is known then.

        Args:
            host: Its name.
            why: What is told of it.
            at: Now.
        """
        with Transaction(self._engine, expire_on_commit=False) as db, db.begin():
            work = Work(db, self._known, at)
            self._lose(work, host, why)
            return work.settle()

    def expected_machines(self) -> frozenset[int]:
        """The VMs that Proxmox is asked for by name if it does not list them."""
        with Transaction(self._engine) as db:
            return mapping.expected(Work(db, self._known, datetime.now(UTC)))

    def machines(self, machines: Machines, at: datetime) -> tuple[Event, ...]:
        """Record what Proxmox says of VMs: which guest is which, what was stopped, what is gone.

        Args:
            machines: All of it.
            at: When it was asked.
        """
        with Transaction(self._engine, expire_on_commit=False) as db, db.begin():
            work = Work(db, self._known, at)
            mapping.record(work, machines)
            return work.settle()

    def prune(self, before: datetime) -> int:
        """Forget what ended before a moment; returns how many rows that were."""
        with Transaction(self._engine) as db, db.begin():
            return prune(db, before)

    def _lose(self, work: Work, name: str, why: str) -> None:
        host = work.db.get(ObservedHost, name)
        if host is None or host.reached:
            work.tell(EventKind.HOST_UNREACHABLE, name, detail=why)
        host = host or _new_host(work.db, name)
        host.reached, host.error = False, cut(why)
        of_host = select(Session, Peering).join(Peering, Peering.id == Session.peering_id).where(Session.host == name)
        there: set[int] = set()
        for session, peering in work.db.execute(of_host):
            there.add(peering.id)
            if session.state != PeeringState.UNKNOWN:
                session.state, session.last_updated = PeeringState.UNKNOWN, work.at
                work.touch(peering)
        guests = [guest for guest in self._known.guests.values() if name in guest.hosts]
        rows = work.peerings(guest.address for guest in guests)
        for guest in guests:
            row = rows.get((guest.network, guest.address))
            if row is not None and row.id not in there and row.removed is None:
                work.db.add(Session(peering_id=row.id, host=name, state=PeeringState.UNKNOWN, last_updated=work.at))
                work.touch(row)

    def _forget_hosts(self, work: Work, hosts: set[str]) -> None:
        for host in work.db.scalars(select(ObservedHost).where(ObservedHost.name.not_in(hosts))):
            work.db.delete(host)
        strange = select(Peering).join(Session, Session.peering_id == Peering.id).where(Session.host.not_in(hosts))
        for peering in work.db.scalars(strange.distinct()):
            work.touch(peering)
        work.db.execute(delete(Session).where(Session.host.not_in(hosts)))


def _describe(row: Peering, guest: str, mode: str, asn: int, mac: str | None) -> None:
    if row.mode != mode or row.guest != guest:
        row.guest, row.mode = guest, mode
    row.guest_asn = asn
    row.mac = mac or row.mac


def _remove(work: Work, row: Peering) -> None:
    row.removed = work.at
    work.db.execute(delete(Session).where(Session.peering_id == row.id))
    work.touch(row)


def _new_host(db: Transaction, name: str) -> ObservedHost:
    host = ObservedHost(name=name, reached=False)
    db.add(host)
    return host

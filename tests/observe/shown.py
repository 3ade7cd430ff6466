"""A store as a collector leaves it, for what shows it: the homelab's guests in every state, and a hostile one.

Deliberately elsewhere: how such a store comes to be (the collector's own tests).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session as Database

from tests.sites import plan_of
from trellis.observe.store import open_store
from trellis.observe.tables import (
    UNKNOWN,
    Event,
    EventKind,
    ObservedHost,
    Peering,
    PeeringState,
    Route,
    RouteState,
    Session,
)
from trellis.plan.model import GuestPlan

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
"""When the store was last written."""
HOSTILE = '<img src=x onerror="document.title=1">'
"""What a guest may have others write of it: it must come out as text."""

STATES = {
    "solwk02": PeeringState.PENALTY,
    "solwk01": PeeringState.ACTIVE,
    "isolated-1": PeeringState.WITHDRAWN,
}
"""Of the homelab's guests that are not Established."""


def homelab_store(place: Path | str, at: datetime = AT, *, lost: str | None = "pve03") -> Engine:
    """Return a store of the homelab.

    Args:
        place: The folder where its file is made, or a URL.
        at: When it was last written.
        lost: A host that is not read.
    """
    engine = open_store(place if isinstance(place, str) else f"sqlite:///{place}/guests.db")
    with Database(engine) as database, database.begin():
        for host in plan_of("homelab").hosts:
            reached = host.name != lost
            read = at if reached else at - timedelta(minutes=7)
            error = None if reached else "SSH: no answer from 10.10.0.13 within 10 s"
            database.add(ObservedHost(name=host.name, reached=reached, last_read=read, error=error))
        for number, guest in enumerate(plan_of("homelab").guests, start=1):
            _add_guest(database, guest, number, at, lost)
        _add_open(database, at)
    return engine


def _add_guest(database: Database, planned: GuestPlan, number: int, at: datetime, lost: str | None) -> None:
    guest = planned.guest
    state = STATES.get(guest.name, PeeringState.ESTABLISHED)
    if guest.host == lost:
        state = PeeringState.UNKNOWN
    if state == PeeringState.UNKNOWN and lost is None:
        state = PeeringState.ESTABLISHED
    up = state == PeeringState.ESTABLISHED
    peering = Peering(
        uuid=f"00000000-0000-4000-8000-{number:012d}",
        network_id=guest.vnet,
        tenant=guest.tenant,
        guest=guest.name,
        vm_id=str(100 + number),
        nic_id="net0",
        host=guest.host,
        mode="bound",
        guest_asn=guest.asn,
        guest_ip=str(guest.ipv6),
        vr_asn=planned.gateway_asn,
        vr_ip=planned.gateway_ipv6,
        state=state,
        uptime_seconds=3600 * number if up else None,
        prefixes_received=2 if up else 0,
        prefixes_sent=2 if up else 0,
        last_error=None
        if up
        else "Cease/Maximum Number of Prefixes Reached"
        if state == PeeringState.PENALTY
        else None,
        created=at - timedelta(days=3),
        last_updated=at,
    )
    database.add(peering)
    database.flush()
    for host in planned.hosts:
        here = host == guest.host
        shown = PeeringState.UNKNOWN if host == lost else state if here else PeeringState.ACTIVE
        database.add(_session(peering, host, shown, at))
    for prefix in (*guest.loopbacks, *guest.pods):
        if up:
            database.add(_route(peering, str(prefix), at))
    kind = EventKind.SESSION_UP if up else EventKind.SESSION_DOWN
    database.add(_event(peering, kind, at - timedelta(minutes=number)))


def _add_open(database: Database, at: datetime) -> None:
    """Add a guest that nobody declared, with routes that were refused, and words of its own."""
    peering = Peering(
        uuid="00000000-0000-4000-8000-00000000beef",
        network_id="vnet101",
        tenant="tenant101",
        guest=UNKNOWN,
        vm_id=UNKNOWN,
        nic_id=UNKNOWN,
        host="pve01",
        mode="open",
        guest_asn=65201,
        guest_ip="fd00:101::bad",
        vr_asn=4200001000,
        vr_ip="fd00:101::fffe",
        state=PeeringState.ESTABLISHED,
        uptime_seconds=42,
        prefixes_received=4,
        prefixes_sent=2,
        last_error=HOSTILE,
        created=at - timedelta(minutes=1),
        last_updated=at,
    )
    database.add(peering)
    database.flush()
    database.add(_session(peering, "pve01", PeeringState.ESTABLISHED, at))
    database.add(_route(peering, "fd00:101::100/128", at))
    refused = {
        "::/0": ("default_route", "::/0 is the default route: only edges bring it"),
        "2a01:b000:1046:20::100/128": (
            "outside_range",
            "2a01:b000:1046:20::100/128 is in none of fd00:101::/64, fd00:101:fe::/64 (VNet vnet101)",
        ),
        "fd00:101:fe::11/128": ("not_this_guests", f"fd00:101:fe::11/128 belongs to {HOSTILE}"),
    }
    for prefix, (code, reason) in refused.items():
        route = _route(peering, prefix, at)
        route.state, route.accepted_at = RouteState.REJECTED, None
        route.rejection_code, route.rejection_reason = code, reason
        database.add(route)
        event = _event(peering, EventKind.ROUTE_REJECTED, at)
        event.prefix, event.detail = prefix, reason
        database.add(event)


def _session(peering: Peering, host: str, state: PeeringState, at: datetime) -> Session:
    up = state == PeeringState.ESTABLISHED
    return Session(
        peering_id=peering.id,
        host=host,
        state=state,
        uptime_seconds=60 if up else None,
        prefixes_received=2 if up else 0,
        prefixes_sent=2 if up else 0,
        last_updated=at,
    )


def _route(peering: Peering, prefix: str, at: datetime) -> Route:
    return Route(
        uuid=f"{peering.uuid[-4:]}-{prefix}"[:40],
        peering_id=peering.id,
        prefix=prefix,
        prefix_length=int(prefix.partition("/")[2]),
        next_hop=peering.guest_ip,
        as_path=str(peering.guest_asn),
        state=RouteState.ACCEPTED,
        received_at=at,
        accepted_at=at,
    )


def _event(peering: Peering, kind: EventKind, at: datetime) -> Event:
    return Event(
        at=at,
        kind=kind,
        host=peering.host,
        network_id=peering.network_id,
        guest=peering.guest,
        guest_ip=peering.guest_ip,
        peering_uuid=peering.uuid,
    )

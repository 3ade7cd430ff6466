"""What the API answers and what it may be asked, as models: the OpenAPI document and every check come from them.

ASNs are strings, because JavaScript and other stacks read numbers as doubles; times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from trellis.observe.scalars import any_prefix, asn_text, utc_time
from trellis.observe.tables import Event, EventKind, ObservedHost, Peering, PeeringState, Route, RouteState, Session
from trellis.reach.reasons import Code

MOST_PAGES = 1_000_000
MOST_ITEMS = 1000
"""Most items of a page."""


def _text_of(time: datetime) -> str:
    """Return a time in ISO 8601; SQLite gives back times without a zone, which are UTC as all that are stored."""
    known = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return known.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_text_of, return_type=str)]
Asn = Annotated[int, PlainSerializer(str, return_type=str)]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:-]+$")]
_Prefix = Annotated[str, AfterValidator(any_prefix), StringConstraints(max_length=64)]
_AsnText = Annotated[str, AfterValidator(asn_text), StringConstraints(max_length=11)]
_Since = Annotated[str, AfterValidator(utc_time), StringConstraints(max_length=40)]


class _Question(BaseModel):
    """What every list may be asked; a parameter that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: int = Field(1, ge=1, le=MOST_PAGES, description="Which page, from 1.")
    pagesize: int = Field(100, ge=1, le=MOST_ITEMS, description="Most items of a page.")


class PeeringsWanted(_Question):
    """Which peerings."""

    networkid: _Text | None = Field(None, description="Id of the VNet.")
    tenant: _Text | None = Field(None, description="Name of the tenant.")
    guest: _Text | None = Field(None, description="Name of the guest in the site, or its address.")
    vmid: _Text | None = Field(None, description="Number of the VM in Proxmox.")
    host: _Text | None = Field(None, description="The host that has the session, or had it last.")
    asn: _AsnText | None = Field(None, description="The guest's ASN, as 4200101006.")
    state: PeeringState | None = Field(None, description="State of the session.")
    removed: bool = Field(False, description="Whether to list those whose guest has left, instead of the others.")


class SessionsWanted(_Question):
    """Which peerings, as each host has them."""

    peeringid: _Text | None = Field(None, description="UUID of the peering.")
    networkid: _Text | None = Field(None, description="Id of the VNet.")
    host: _Text | None = Field(None, description="Name of the host.")
    state: PeeringState | None = Field(None, description="State of the session on the host.")


class RoutesWanted(_Question):
    """Which routes."""

    peeringid: _Text | None = Field(None, description="UUID of the peering that announced them.")
    networkid: _Text | None = Field(None, description="Id of the VNet.")
    guest: _Text | None = Field(None, description="Name of the guest in the site, or its address.")
    state: RouteState | None = Field(
        None, description="What became of them; without it and peeringid, withdrawn ones are left out."
    )
    reason: Code | None = Field(None, description="Why they were refused.")
    prefix: _Prefix | None = Field(None, description="Exactly this prefix, as 2a01:db8::1/128.")


class EventsWanted(_Question):
    """Which events."""

    networkid: _Text | None = Field(None, description="Id of the VNet.")
    guest: _Text | None = Field(None, description="Name of the guest in the site, or its address.")
    host: _Text | None = Field(None, description="Name of the host.")
    kind: EventKind | None = Field(None, description="What happened.")
    since: _Since | None = Field(None, description="Not before this time, in ISO 8601 with its zone.")


class Nothing(BaseModel):
    """What may not be asked anything."""

    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class PeeringShown(_Answer):
    """A guest that speaks, or may speak, BGP on a VNet."""

    uuid: str
    network_id: str
    tenant: str
    guest: str
    vm_id: str
    nic_id: str
    mac: str | None
    host: str
    mode: str
    guest_asn: Asn
    guest_ip: str
    vr_asn: Asn
    vr_ip: str
    state: PeeringState
    uptime_seconds: int | None = Field(description="As of last_updated.")
    prefixes_received: int
    prefixes_accepted: int
    prefixes_rejected: int
    prefixes_sent: int
    last_error: str | None
    created: Time
    last_updated: Time | None
    removed: Time | None

    @staticmethod
    def of(peering: Peering, accepted: int, rejected: int) -> PeeringShown:
        """Return a peering as it is shown, with how many of its routes are accepted and refused."""
        counts = {"prefixes_accepted": accepted, "prefixes_rejected": rejected}
        stored = {column.key: getattr(peering, column.key) for column in Peering.__table__.columns}
        return PeeringShown.model_validate(stored | counts)


class SessionShown(_Answer):
    """A peering as one host has it."""

    peering_uuid: str
    network_id: str
    guest: str
    guest_ip: str
    host: str
    state: PeeringState
    uptime_seconds: int | None
    prefixes_received: int
    prefixes_sent: int
    last_error: str | None
    last_updated: Time

    @staticmethod
    def of(session: Session, peering: Peering) -> SessionShown:
        """Return a session as it is shown."""
        return SessionShown(
            peering_uuid=peering.uuid,
            network_id=peering.network_id,
            guest=peering.guest,
            guest_ip=peering.guest_ip,
            host=session.host,
            state=PeeringState(session.state),
            uptime_seconds=session.uptime_seconds,
            prefixes_received=session.prefixes_received,
            prefixes_sent=session.prefixes_sent,
            last_error=session.last_error,
            last_updated=session.last_updated,
        )


class RouteShown(_Answer):
    """A prefix that a guest announced, and what became of it."""

    uuid: str
    peering_uuid: str
    network_id: str
    guest: str
    guest_ip: str
    prefix: str
    prefix_length: int
    next_hop: str
    as_path: str
    state: RouteState
    rejection_reason: str | None
    rejection_code: str | None
    received_at: Time
    accepted_at: Time | None
    withdrawn_at: Time | None

    @staticmethod
    def of(route: Route, peering: Peering) -> RouteShown:
        """Return a route as it is shown."""
        return RouteShown(
            uuid=route.uuid,
            peering_uuid=peering.uuid,
            network_id=peering.network_id,
            guest=peering.guest,
            guest_ip=peering.guest_ip,
            prefix=route.prefix,
            prefix_length=route.prefix_length,
            next_hop=route.next_hop,
            as_path=route.as_path,
            state=RouteState(route.state),
            rejection_reason=route.rejection_reason,
            rejection_code=route.rejection_code,
            received_at=route.received_at,
            accepted_at=route.accepted_at,
            withdrawn_at=route.withdrawn_at,
        )


class EventShown(_Answer):
    """Something that happened."""

    id: int
    at: Time
    kind: EventKind
    host: str
    network_id: str
    guest: str
    guest_ip: str
    peering_uuid: str | None
    prefix: str | None
    detail: str

    @staticmethod
    def of(event: Event) -> EventShown:
        """Return an event as it is shown."""
        return EventShown.model_validate(event)


class HostShown(_Answer):
    """A host that is read."""

    name: str
    reached: bool
    last_read: Time | None
    error: str | None

    @staticmethod
    def of(host: ObservedHost) -> HostShown:
        """Return a host as it is shown."""
        return HostShown.model_validate(host)


class _Paged(_Answer):
    total: int = Field(description="How many there are on all pages.")
    page: int
    pagesize: int


class Peerings(_Paged):
    """A page of peerings."""

    items: tuple[PeeringShown, ...]


class Sessions(_Paged):
    """A page of sessions."""

    items: tuple[SessionShown, ...]


class Routes(_Paged):
    """A page of routes."""

    items: tuple[RouteShown, ...]


class Events(_Paged):
    """A page of events, the newest first."""

    items: tuple[EventShown, ...]


class Hosts(_Answer):
    """All hosts that are read."""

    items: tuple[HostShown, ...]


class Health(_Answer):
    """Whether the store can be read."""

    status: str


class Wrong(BaseModel):
    """A parameter that was refused."""

    parameter: str
    rule: str
    allowed: tuple[str, ...] = ()


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: tuple[Wrong, ...] = ()

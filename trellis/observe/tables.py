"""The tables of the store: what guests' sessions and routes are now, and what became of them.

``bgp_guest_peering`` and ``bgp_guest_routes`` have the columns of the design of guest-side BGP peering (seed 2), where
a network is a VNet, the virtual router a host, and names stand beside numbers because VMs may be unknown to us.
Queries stand in ``trellis.observe.queries``, what is written in ``trellis.observe.store``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, ForeignKey, Index, Integer, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNKNOWN = "unknown"
"""What stands for a VM or network card that nothing is known of."""


class Moment(TypeDecorator[datetime]):
    """A moment with its time zone, which is UTC in every database; SQLite itself would lose it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put a moment into UTC, as it is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give a stored moment its zone back."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only


class PeeringState(StrEnum):
    """State of a guest's session: BGP's own (RFC 4271), and three that only an observer has."""

    IDLE = "Idle"
    CONNECT = "Connect"
    ACTIVE = "Active"
    OPEN_SENT = "OpenSent"
    OPEN_CONFIRM = "OpenConfirm"
    ESTABLISHED = "Established"
    PENALTY = "Penalty"
    """Cut off for a while because it exceeded its limit of prefixes."""
    UNKNOWN = "Unknown"
    """The host that had the session can't be read: neither up nor down."""
    WITHDRAWN = "Withdrawn"
    """The VM was stopped, destroyed, or has moved away."""


class RouteState(StrEnum):
    """State of a route that a guest announced."""

    RECEIVED = "Received"
    """Announced, and not judged yet."""
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    WITHDRAWN = "Withdrawn"


class EventKind(StrEnum):
    """What may happen to a guest's session or route, or to a host that is read."""

    SESSION_UP = "session_up"
    SESSION_DOWN = "session_down"
    SESSION_MOVED = "session_moved"
    SESSION_DOUBLED = "session_doubled"
    """Established on two hosts at once: a move under way, or two guests with one address."""
    OPEN_REFUSED = "open_refused"
    PENALTY_BEGUN = "penalty_begun"
    PENALTY_ENDED = "penalty_ended"
    ROUTE_ACCEPTED = "route_accepted"
    ROUTE_REJECTED = "route_rejected"
    ROUTE_WITHDRAWN = "route_withdrawn"
    VM_STOPPED = "vm_stopped"
    VM_DESTROYED = "vm_destroyed"
    HOST_UNREACHABLE = "host_unreachable"
    HOST_REACHED = "host_reached"


class Base(DeclarativeBase):
    """All tables of the store."""


class Peering(Base):
    """A guest that speaks, or may speak, BGP on a VNet: one row for its address, wherever it runs."""

    __tablename__ = "bgp_guest_peering"
    __table_args__ = (
        Index("idx_network", "network_id"),
        Index("idx_vm", "vm_id"),
        Index("idx_state", "state"),
        Index("idx_removed", "removed"),
        Index("idx_guest_ip", "network_id", "guest_ip"),
    )

    id: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(String(40), unique=True)
    network_id: Mapped[str] = mapped_column(String(8))
    """The VNet's id."""
    tenant: Mapped[str] = mapped_column(String(63))
    guest: Mapped[str] = mapped_column(String(63), default=UNKNOWN)
    """The guest's name in the site; ``unknown`` for one of an open VNet."""
    vm_id: Mapped[str] = mapped_column(String(16), default=UNKNOWN)
    """The VM's number in Proxmox."""
    nic_id: Mapped[str] = mapped_column(String(16), default=UNKNOWN)
    """The VM's network card in Proxmox, as ``net0``."""
    host: Mapped[str] = mapped_column(String(63), default="")
    """The host that has the session, or had it last."""
    mode: Mapped[str] = mapped_column(String(8))
    """``bound`` or ``open``."""
    mac: Mapped[str | None] = mapped_column(String(17))
    """The network card's address: the site's, or the one that a host saw for a guest of an open VNet."""
    vm_stopped: Mapped[datetime | None] = mapped_column(Moment)
    """Since when Proxmox says that the VM does not run."""
    vm_destroyed: Mapped[datetime | None] = mapped_column(Moment)
    """When it was seen that Proxmox has the VM no longer."""
    guest_asn: Mapped[int] = mapped_column(BigInteger)
    """0 for a guest of an open VNet that was cut off before its ASN was seen."""
    guest_ip: Mapped[str] = mapped_column(String(45))
    vr_asn: Mapped[int] = mapped_column(BigInteger)
    vr_ip: Mapped[str] = mapped_column(String(45))
    """The anycast gateway that the guest speaks with."""
    state: Mapped[str] = mapped_column(String(32))
    """One of ``PeeringState``."""
    uptime_seconds: Mapped[int | None] = mapped_column(BigInteger)
    prefixes_received: Mapped[int] = mapped_column(Integer, default=0)
    prefixes_sent: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str | None] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(Moment)
    last_updated: Mapped[datetime | None] = mapped_column(Moment)
    removed: Mapped[datetime | None] = mapped_column(Moment)
    """When the guest left the site, or its VM was destroyed."""


class Session(Base):
    """A peering as one host has it; a bound guest is configured on each host of its placement, and idle on most."""

    __tablename__ = "bgp_guest_sessions"
    __table_args__ = (Index("idx_session_of", "peering_id", "host", unique=True),)

    id: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    peering_id: Mapped[int] = mapped_column(ForeignKey("bgp_guest_peering.id", ondelete="CASCADE"))
    host: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(32))
    established_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the session came up that the host has, or had when it was last read: this tells one from another."""
    uptime_seconds: Mapped[int | None] = mapped_column(BigInteger)
    prefixes_received: Mapped[int] = mapped_column(Integer, default=0)
    prefixes_sent: Mapped[int] = mapped_column(Integer, default=0)
    last_error: Mapped[str | None] = mapped_column(String(255))
    last_updated: Mapped[datetime] = mapped_column(Moment)


class Route(Base):
    """A prefix that a guest announced, and what became of it; kept for a while after it was withdrawn."""

    __tablename__ = "bgp_guest_routes"
    __table_args__ = (
        Index("idx_peering", "peering_id"),
        Index("idx_route_state", "state"),
        Index("idx_prefix", "prefix"),
    )

    id: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(String(40), unique=True)
    peering_id: Mapped[int] = mapped_column(ForeignKey("bgp_guest_peering.id", ondelete="CASCADE"))
    prefix: Mapped[str] = mapped_column(String(64))
    prefix_length: Mapped[int] = mapped_column(Integer)
    next_hop: Mapped[str] = mapped_column(String(45))
    as_path: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(32))
    """One of ``RouteState``."""
    rejection_reason: Mapped[str | None] = mapped_column(String(255))
    """For people: what is wrong, with the values that were compared."""
    rejection_code: Mapped[str | None] = mapped_column(String(32))
    """For programs: one of ``trellis.reach.reasons.Code``."""
    received_at: Mapped[datetime] = mapped_column(Moment)
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)


class Event(Base):
    """Something that happened, kept for the store's retention; outlives the peering that it is about."""

    __tablename__ = "bgp_guest_events"
    __table_args__ = (Index("idx_event_at", "at"), Index("idx_event_guest", "network_id", "guest"))

    id: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(String(32))
    """One of ``EventKind``."""
    host: Mapped[str] = mapped_column(String(63), default="")
    network_id: Mapped[str] = mapped_column(String(8), default="")
    guest: Mapped[str] = mapped_column(String(63), default="")
    guest_ip: Mapped[str] = mapped_column(String(45), default="")
    peering_uuid: Mapped[str | None] = mapped_column(String(40))
    prefix: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(255), default="")


class ObservedHost(Base):
    """A host that is read: when last, and why not now."""

    __tablename__ = "observed_hosts"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    reached: Mapped[bool]
    last_read: Mapped[datetime | None] = mapped_column(Moment)
    error: Mapped[str | None] = mapped_column(String(255))

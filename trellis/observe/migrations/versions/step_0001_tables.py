"""The tables as they were laid down first: peerings, how each host has them, routes, events, hosts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "bgp_guest_events",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=63), nullable=False),
        sa.Column("network_id", sa.String(length=8), nullable=False),
        sa.Column("guest", sa.String(length=63), nullable=False),
        sa.Column("guest_ip", sa.String(length=45), nullable=False),
        sa.Column("peering_uuid", sa.String(length=40), nullable=True),
        sa.Column("prefix", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idx_event_at", "bgp_guest_events", ["at"], unique=False)
    op.create_index("idx_event_guest", "bgp_guest_events", ["network_id", "guest"], unique=False)
    op.create_table(
        "bgp_guest_peering",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=40), nullable=False),
        sa.Column("network_id", sa.String(length=8), nullable=False),
        sa.Column("tenant", sa.String(length=63), nullable=False),
        sa.Column("guest", sa.String(length=63), nullable=False),
        sa.Column("vm_id", sa.String(length=16), nullable=False),
        sa.Column("nic_id", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=63), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("guest_asn", sa.BigInteger(), nullable=False),
        sa.Column("guest_ip", sa.String(length=45), nullable=False),
        sa.Column("vr_asn", sa.BigInteger(), nullable=False),
        sa.Column("vr_ip", sa.String(length=45), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("uptime_seconds", sa.BigInteger(), nullable=True),
        sa.Column("prefixes_received", sa.Integer(), nullable=False),
        sa.Column("prefixes_sent", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=255), nullable=True),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("last_updated", _MOMENT, nullable=True),
        sa.Column("removed", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("idx_guest_ip", "bgp_guest_peering", ["network_id", "guest_ip"], unique=False)
    op.create_index("idx_network", "bgp_guest_peering", ["network_id"], unique=False)
    op.create_index("idx_removed", "bgp_guest_peering", ["removed"], unique=False)
    op.create_index("idx_state", "bgp_guest_peering", ["state"], unique=False)
    op.create_index("idx_vm", "bgp_guest_peering", ["vm_id"], unique=False)
    op.create_table(
        "observed_hosts",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("last_read", _MOMENT, nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "bgp_guest_routes",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=40), nullable=False),
        sa.Column("peering_id", _KEY, nullable=False),
        sa.Column("prefix", sa.String(length=64), nullable=False),
        sa.Column("prefix_length", sa.Integer(), nullable=False),
        sa.Column("next_hop", sa.String(length=45), nullable=False),
        sa.Column("as_path", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("rejection_reason", sa.String(length=255), nullable=True),
        sa.Column("rejection_code", sa.String(length=32), nullable=True),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("accepted_at", _MOMENT, nullable=True),
        sa.Column("withdrawn_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["peering_id"], ["bgp_guest_peering.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
    )
    op.create_index("idx_peering", "bgp_guest_routes", ["peering_id"], unique=False)
    op.create_index("idx_prefix", "bgp_guest_routes", ["prefix"], unique=False)
    op.create_index("idx_route_state", "bgp_guest_routes", ["state"], unique=False)
    op.create_table(
        "bgp_guest_sessions",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("peering_id", _KEY, nullable=False),
        sa.Column("host", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("uptime_seconds", sa.BigInteger(), nullable=True),
        sa.Column("prefixes_received", sa.Integer(), nullable=False),
        sa.Column("prefixes_sent", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=255), nullable=True),
        sa.Column("last_updated", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["peering_id"], ["bgp_guest_peering.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idx_session_of", "bgp_guest_sessions", ["peering_id", "host"], unique=True)

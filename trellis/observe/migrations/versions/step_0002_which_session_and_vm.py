"""Which session a host has, told by when it came up; a guest's network card, and what became of its VM."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns; what is there goes on, and the next line of each host fills them."""
    with op.batch_alter_table("bgp_guest_peering") as table:
        table.add_column(sa.Column("mac", sa.String(length=17), nullable=True))
        table.add_column(sa.Column("vm_stopped", _MOMENT, nullable=True))
        table.add_column(sa.Column("vm_destroyed", _MOMENT, nullable=True))
    with op.batch_alter_table("bgp_guest_sessions") as table:
        table.add_column(sa.Column("established_at", _MOMENT, nullable=True))

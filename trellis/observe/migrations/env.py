"""What alembic runs: the steps, on the connection that the store gives."""

from __future__ import annotations

from alembic import context

from trellis.observe.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

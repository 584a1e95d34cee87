"""Alembic's environment: runs the migrations on the connection of `upgrade_schema`.

Reads no alembic.ini, and does not configure logging.
"""

from alembic import context

from app.adapters.sql.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()

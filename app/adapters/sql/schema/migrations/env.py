"""Run by Alembic for each command: migrates over the connection it is given.

Nothing is read from an alembic.ini and logging is left alone.
"""

from alembic import context

from app.adapters.sql.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()

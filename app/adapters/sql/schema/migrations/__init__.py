"""The Alembic migrations that `app.adapters.sql.schema.upgrade` runs."""

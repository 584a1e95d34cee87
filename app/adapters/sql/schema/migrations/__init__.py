"""The history of the tables, as Alembic runs it for `app.adapters.sql.schema.upgrade`."""

"""The history of the tables, as Alembic runs it; `app.adapters.sql.schema` is the way in."""

"""Ports kept in a database through SQLAlchemy Core: SQLite now, PostgreSQL by the same code."""

"""Implements the storage ports in SQLite and PostgreSQL, with SQLAlchemy Core."""

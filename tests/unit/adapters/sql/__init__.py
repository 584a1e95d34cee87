"""Tests of the SQL repositories, on SQLite and PostgreSQL."""

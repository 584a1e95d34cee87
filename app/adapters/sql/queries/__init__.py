"""Queries and row conversions that several repositories share."""

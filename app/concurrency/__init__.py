"""Helpers for concurrency and bounded memory, based only on the standard library."""

"""Concurrency and bounded memory on the standard library alone, for every other package."""

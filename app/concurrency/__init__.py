"""Concurrency on the standard library alone; the framework and the services use it."""

"""Writes new parts of the application: ``python -m app new``."""

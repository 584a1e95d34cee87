"""Examines a database for ``python -m app doctor``."""

"""Generates new source files of the application, for ``python -m app new``."""

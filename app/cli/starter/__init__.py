"""Writes new parts of the application in the house style: ``python -m app new``."""

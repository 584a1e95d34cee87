"""The in-memory adapters."""

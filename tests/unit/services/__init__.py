"""The services, over the in-memory adapters."""

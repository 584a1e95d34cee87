"""Storage in memory, for ``DATABASE_URL=memory:``, and the limits and buses of a single node."""

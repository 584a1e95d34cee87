"""Storage for ``DATABASE_URL=memory:``, and the limits and buses of a single node."""

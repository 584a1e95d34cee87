"""Storage in this process's memory, for tests, benchmarks and ``DATABASE_URL=memory:``."""

"""Implements storage in memory (``DATABASE_URL=memory:``), and limits and buses for one node."""

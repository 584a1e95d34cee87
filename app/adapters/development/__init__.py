"""Replaces Clerk on a developer's machine. Never used in production."""

"""A stand-in for Clerk on a developer's machine. Never used in production."""

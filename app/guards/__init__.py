"""The guards that run before each handler: authentication and rate limits."""

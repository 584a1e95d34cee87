"""Settings: read from the environment and checked before the server starts."""

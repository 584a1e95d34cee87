"""The settings: read from the environment, checked before anything starts."""

"""Reads the settings from the environment, and checks them before the server starts."""

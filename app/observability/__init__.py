"""Configures logging, and removes secrets from log lines."""

"""Reads, validates and rejects requests for all controllers."""

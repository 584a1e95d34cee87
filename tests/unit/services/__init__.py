"""Tests the services with the in-memory adapters."""

"""Tests of the services, over the in-memory adapters."""

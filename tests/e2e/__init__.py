"""Tests the server as a process on a real port, with real clients."""

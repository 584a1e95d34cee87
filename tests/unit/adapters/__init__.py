"""Tests of what only one adapter does; tests common to all adapters are in tests/contract."""

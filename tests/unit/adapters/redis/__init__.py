"""Tests of the adapters on a real server that is stopped, frozen and restarted."""

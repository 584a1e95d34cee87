"""Tests of the adapters in memory."""

"""Tests of behaviour specific to one adapter.

Tests common to all adapters are in tests/contract.
"""

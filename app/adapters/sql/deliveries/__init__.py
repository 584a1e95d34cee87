"""Stores and reads delivery states."""

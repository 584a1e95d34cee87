"""Stores and reads channels and members."""

"""Stores and reads messages."""

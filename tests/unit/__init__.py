"""Mirrors app, path for path: each unit alone."""

"""Runs storage operations in batches, in order for each key, and within a time limit."""

"""Finds the methods that no client's event calls, such as jobs, and runs them as tasks."""

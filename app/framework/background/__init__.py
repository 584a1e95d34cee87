"""Finds methods that run without an event from a client, such as jobs; runs them as tasks."""

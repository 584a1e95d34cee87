"""Ports provided by the operating system and the event loop."""

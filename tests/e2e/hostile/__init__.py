"""Tests the real transport with malicious and broken clients, which use raw WebSockets."""

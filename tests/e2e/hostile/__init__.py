"""Tests of malicious and broken clients: raw WebSockets against the real transport."""

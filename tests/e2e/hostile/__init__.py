"""Clients that mean harm, or are broken: raw WebSockets against the real transport."""

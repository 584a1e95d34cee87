"""Notifications of a web shop: pushed to open pages, else by e-mail; scheduled, digested, muted."""

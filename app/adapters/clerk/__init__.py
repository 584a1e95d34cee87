"""Clerk as the identity provider: its session tokens verified without asking it."""

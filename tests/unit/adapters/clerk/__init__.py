"""Clerk's tokens and keys."""

"""Tests of Clerk's tokens, keys and webhooks."""

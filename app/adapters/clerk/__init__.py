"""Verifies the session tokens and webhooks of Clerk, the identity provider."""

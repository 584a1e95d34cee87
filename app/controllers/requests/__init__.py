"""Shared by the controllers: reading and validating requests, and rejecting them."""

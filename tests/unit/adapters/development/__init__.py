"""The development issuer."""

"""Ports that the storage adapters implement."""

"""Nest's HTTP controllers on aiohttp."""

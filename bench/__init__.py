"""Measures the server and its peers: ``make bench``, ``make soak``, ``make profile``."""

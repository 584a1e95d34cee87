"""Measures the server and its peers: ``make bench``, ``make storage``, ``make soak`` and others."""

"""How fast the server is, beside its peers: ``make bench``, ``make soak``, ``make profile``."""

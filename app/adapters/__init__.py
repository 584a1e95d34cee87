"""The implementations of the ports, one package per technology. None imports another."""

"""The bench, as far as it needs no compiler, no Node and no server."""

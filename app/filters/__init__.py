"""How errors become answers."""

"""How services write to storage: batched, in order, with a time limit."""

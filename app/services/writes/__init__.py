"""How services write to the storage: in batches, in the order of a key, within a time limit."""

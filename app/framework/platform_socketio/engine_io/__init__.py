"""Engine.IO: one connection per client, its packets handled in order."""

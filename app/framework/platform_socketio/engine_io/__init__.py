"""Engine.IO: one connection per client; the packets of a client are handled in order."""

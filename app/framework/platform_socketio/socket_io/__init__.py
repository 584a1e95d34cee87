"""Socket.IO: namespaces, packets, rooms."""

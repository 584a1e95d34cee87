"""The class of the sockets that handlers receive."""

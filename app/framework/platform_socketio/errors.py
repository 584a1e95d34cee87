"""Errors of the Socket.IO transport."""


class MalformedPacketError(ValueError):
    """A client has broken the Socket.IO protocol, so the server closes the connection."""

"""Errors of the transport."""


class MalformedPacketError(ValueError):
    """The client does not follow the protocol; its connection is closed."""

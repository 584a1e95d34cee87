"""`DisconnectReason`: the reasons that ``handle_disconnect`` receives, as in Node."""

from enum import StrEnum


class DisconnectReason(StrEnum):
    """The disconnect reasons of socket.io 4.8 that this server uses."""

    CLIENT_NAMESPACE_DISCONNECT = "client namespace disconnect"
    SERVER_NAMESPACE_DISCONNECT = "server namespace disconnect"
    SERVER_SHUTTING_DOWN = "server shutting down"
    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    PING_TIMEOUT = "ping timeout"
    PARSE_ERROR = "parse error"

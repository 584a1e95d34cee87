"""The messages of the sharded adapter: those of ``ClusterAdapter`` in socket.io-adapter 2.5."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from app.framework.redis_adapter.payload import MalformedMessageError, decode, encode


class MessageType(IntEnum):
    """The types of messages, with the numbers that are sent."""

    INITIAL_HEARTBEAT = 1
    HEARTBEAT = 2
    BROADCAST = 3
    SOCKETS_JOIN = 4
    SOCKETS_LEAVE = 5
    DISCONNECT_SOCKETS = 6
    FETCH_SOCKETS = 7
    FETCH_SOCKETS_RESPONSE = 8
    SERVER_SIDE_EMIT = 9
    SERVER_SIDE_EMIT_RESPONSE = 10
    BROADCAST_CLIENT_COUNT = 11
    BROADCAST_ACK = 12
    ADAPTER_CLOSE = 13


class Message(NamedTuple):
    """A message of another node.

    Attributes:
        sender: The id of the adapter that has sent the message.
        namespace: The namespace of the sender.
        type: A `MessageType`, or the number of an unknown type.
    """

    sender: str
    namespace: str
    type: int
    data: Mapping[str, Any]

    @classmethod
    def decode(cls, payload: bytes) -> "Message":
        """Decode a message.

        Raises:
            MalformedMessageError: The message is malformed.
        """
        fields = decode(payload)
        if isinstance(fields, dict):
            # A `match` with these types would take twice as long, for each received event.
            sender, namespace, kind = fields.get("uid"), fields.get("nsp"), fields.get("type")
            data = fields.get("data") or {}
            if (
                isinstance(sender, str)
                and isinstance(namespace, str)
                and isinstance(kind, int)
                and isinstance(data, dict)
            ):
                return cls(sender, namespace, kind, data)
        raise MalformedMessageError("a field is missing or has a wrong type")

    def encode(self) -> bytes:
        """Encode the message.

        Raises:
            TypeError: A value has no JSON form.
        """
        return encode(
            {
                "uid": self.sender,
                "nsp": self.namespace,
                "type": self.type,
                "data": self.data,
            }
        )

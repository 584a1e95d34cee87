"""The messages between nodes: those of ``ClusterAdapter`` in socket.io-adapter 2.5.

A message is JSON, or msgpack if it contains bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgpack

from app.framework.platform_socketio import json_codec
from app.framework.websockets.socket_api.cluster_adapter import Selection

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Longer messages are dropped."""

_EVENT = 2
"""The type of an event packet."""


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


class MalformedMessageError(ValueError):
    """A message is too long, cannot be decoded, or lacks a field."""


@dataclass(frozen=True, slots=True)
class Message:
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
    def decode(cls, raw: bytes) -> "Message":
        """Decode a message.

        Raises:
            MalformedMessageError: The message is malformed.
        """
        if len(raw) > MAX_MESSAGE_BYTES:
            raise MalformedMessageError("too long")
        try:
            if raw[:1] == b"{":
                fields = json_codec.loads(raw.decode())
            else:
                fields = msgpack.unpackb(raw, strict_map_key=False)
        except (ValueError, RecursionError, msgpack.UnpackException):
            raise MalformedMessageError("neither JSON nor msgpack") from None
        match fields:
            case {"uid": str(sender), "nsp": str(namespace), "type": int(kind)}:
                data = fields.get("data") or {}
                if isinstance(data, dict):
                    return cls(sender, namespace, kind, data)
        raise MalformedMessageError("a field is missing or has a wrong type")

    def encode(self) -> bytes:
        """Encode the message.

        Raises:
            TypeError: A value has no JSON form.
        """
        fields = {
            "uid": self.sender,
            "nsp": self.namespace,
            "type": self.type,
            "data": self.data,
        }
        try:
            return json_codec.dump(fields)
        except json_codec.BytesFound:
            return msgpack.packb(fields, default=json_codec.to_json_value, datetime=False)


def options_of(selection: Selection, **flags: Any) -> dict[str, Any]:
    """Return the field ``opts`` of a message."""
    return {
        "rooms": list(selection.rooms),
        "except": list(selection.except_rooms),
        "flags": flags,
    }


def selection_of(message: Message) -> Selection:
    """Return the sockets that a message selects.

    Raises:
        MalformedMessageError: The field ``opts`` is malformed.
    """
    match message.data.get("opts"):
        case {"rooms": list(rooms), "except": list(except_rooms)}:
            if all(isinstance(each, str) for each in (*rooms, *except_rooms)):
                return Selection(frozenset(rooms), frozenset(except_rooms))
    raise MalformedMessageError("opts")


def flags_of(message: Message) -> Mapping[str, Any]:
    """Return the flags of a message, such as ``volatile``."""
    flags = message.data["opts"].get("flags")
    return flags if isinstance(flags, dict) else {}


def event_packet(namespace: str, event: str, args: Iterable[Any]) -> dict[str, Any]:
    """Return the packet of an event, as it stands in a message."""
    return {"type": _EVENT, "data": [event, *args], "nsp": namespace}


def event_of(packet: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the name and the arguments of an event.

    Args:
        packet: The field ``packet`` of a broadcast.

    Raises:
        MalformedMessageError: This is not the packet of an event.
    """
    match packet:
        case {"type": 2, "data": list(data)}:
            return name_and_args(data)
    raise MalformedMessageError("packet")


def name_and_args(data: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the name and the arguments of an event's array.

    Raises:
        MalformedMessageError: This is not the array of an event.
    """
    match data:
        case [str(event), *args]:
            return event, tuple(args)
    raise MalformedMessageError("event")

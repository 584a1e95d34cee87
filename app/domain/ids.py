"""Identifiers: opaque strings of distinct types, so that swapped arguments fail type checking."""

from typing import NewType
from uuid import uuid4

UserId = NewType("UserId", str)
ChannelId = NewType("ChannelId", str)
MessageId = NewType("MessageId", str)
SocketId = NewType("SocketId", str)
ClientMessageId = NewType("ClientMessageId", str)
"""Chosen by the sender: the same one sent twice by one user stores one message."""


def new_id() -> str:
    """A fresh identifier, unique without asking anybody."""
    return str(uuid4())

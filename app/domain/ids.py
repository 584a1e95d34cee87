"""Ids are opaque strings of distinct types, so that type checking detects swapped arguments."""

import time
from collections.abc import Iterator
from os import urandom
from typing import NewType

UserId = NewType("UserId", str)
ChannelId = NewType("ChannelId", str)
MessageId = NewType("MessageId", str)
SocketId = NewType("SocketId", str)
ClientMessageId = NewType("ClientMessageId", str)
"""An id that the sender chooses. Sending a message twice with the same id stores it only once."""

MAX_ID_CHARS = 191
INVALID_ID = f"must be 1 to {MAX_ID_CHARS} printable characters"

_BYTES = 16
_IDS_AT_ONCE = 256


def checked_id(value: object) -> str:
    """Return ``value`` if it is a valid id: 1 to 191 printable characters.

    NUL and lone surrogates are not printable, so every database and client accepts a valid id.

    Raises:
        ValueError: The value is not a valid id. The error's text is `INVALID_ID`.
    """
    if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS and value.isprintable():
        return value
    raise ValueError(INVALID_ID)


def new_id() -> str:
    """Create a random UUID (RFC 9562, version 4)."""
    # This is ten times as fast as uuid4(). The fixed digits are the version and the variant.
    digits = next(_random_digits)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def new_message_id() -> MessageId:
    """Create a UUID that begins with the time, so that new messages are adjacent in an index.

    The id is a UUID of version 8 (RFC 9562) with the layout of version 7: milliseconds since the
    epoch, then random digits. The original backend creates UUIDs of other versions, so the version
    identifies the messages of this server.
    """
    digits = next(_random_digits)
    moment = f"{time.time_ns() // 1_000_000:012x}"
    return MessageId(f"{moment[:8]}-{moment[8:]}-8{digits[:3]}-a{digits[3:6]}-{digits[6:18]}")


def _random() -> Iterator[str]:
    """Yield 32 random hexadecimal digits at a time; call `urandom` once for 256 ids."""
    while True:
        block = urandom(_IDS_AT_ONCE * _BYTES).hex()
        for at in range(0, len(block), 2 * _BYTES):
            yield block[at : at + 2 * _BYTES]


_random_digits = _random()

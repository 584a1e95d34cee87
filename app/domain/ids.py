"""Identifiers: opaque strings of distinct types, so that swapped arguments fail type checking."""

import time
from collections.abc import Iterator
from os import urandom
from typing import NewType

UserId = NewType("UserId", str)
ChannelId = NewType("ChannelId", str)
MessageId = NewType("MessageId", str)
SocketId = NewType("SocketId", str)
ClientMessageId = NewType("ClientMessageId", str)
"""Chosen by the sender: the same one sent twice by one user stores one message."""

MAX_ID_CHARS = 191

_BYTES = 16
_IDS_AT_ONCE = 256


def is_id(text: str) -> bool:
    """Whether a user or a sign-in may be called so: 1 to 191 printable characters."""
    return 0 < len(text) <= MAX_ID_CHARS and text.isprintable()


def new_id() -> str:
    """A fresh identifier, unique without asking anybody: a random UUID (RFC 9562, version 4)."""
    # What uuid4() gives, for a tenth of its price. The fixed digits are version and variant.
    digits = next(_random_digits)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def new_message_id() -> MessageId:
    """A fresh identifier that begins with the time: those of one time stand together in an index.

    A UUID of version 8 (RFC 9562), laid out as version 7 is: milliseconds since the epoch, then
    random digits. Its version tells our messages from those of the original backend, which makes
    UUIDs of other versions.
    """
    digits = next(_random_digits)
    moment = f"{time.time_ns() // 1_000_000:012x}"
    return MessageId(f"{moment[:8]}-{moment[8:]}-8{digits[:3]}-a{digits[3:6]}-{digits[6:18]}")


def _random() -> Iterator[str]:
    """Hexadecimal digits from the system's generator, asked once for many."""
    while True:
        block = urandom(_IDS_AT_ONCE * _BYTES).hex()
        yield from (block[at : at + 2 * _BYTES] for at in range(0, len(block), 2 * _BYTES))


_random_digits = _random()

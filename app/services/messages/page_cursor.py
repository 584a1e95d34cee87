"""Where a page ended, as an opaque string that a client hands back to go on."""

import re
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass

from app.domain.errors import InvalidPayload
from app.domain.ids import ChannelId, UserId

# The digits before the colon are the format's version. Fifteen digits of a number are enough, and
# fit every database's integers.
_UNDELIVERED = re.compile(r"u1:([0-9]{1,15})")
_RECIPIENT = re.compile(r"r1:([^\0]+)")
_CHANNEL = re.compile(r"c1:([0-9]{1,15}):([^\0]+)")


@dataclass(frozen=True, slots=True)
class UndeliveredCursor:
    """Go on with what is undelivered, after this position."""

    position: int

    def encode(self) -> str:
        """What `decode_cursor` turns back into this."""
        return _encode(f"u1:{self.position}")


@dataclass(frozen=True, slots=True)
class ChannelCursor:
    """Go on with a channel, after this ``seq``."""

    channel_id: ChannelId
    seq: int

    def encode(self) -> str:
        """What `decode_cursor` turns back into this."""
        return _encode(f"c1:{self.seq}:{self.channel_id}")


@dataclass(frozen=True, slots=True)
class RecipientCursor:
    """Go on with a message's recipients, after this one."""

    recipient_id: UserId

    def encode(self) -> str:
        """What `decode_recipient_cursor` turns back into this."""
        return _encode(f"r1:{self.recipient_id}")


def decode_cursor(cursor: str) -> UndeliveredCursor | ChannelCursor:
    """The place a cursor stands for. Nothing in it is trusted: what it opens is checked as ever.

    Raises:
        InvalidPayload: It was not made here.
    """
    text = _decode(cursor)
    if found := _UNDELIVERED.fullmatch(text):
        return UndeliveredCursor(int(found[1]))
    if found := _CHANNEL.fullmatch(text):
        return ChannelCursor(ChannelId(found[2]), int(found[1]))
    raise _no_cursor()


def decode_recipient_cursor(cursor: str) -> RecipientCursor:
    """The recipient after whom to go on; it need not be one of the message's.

    Raises:
        InvalidPayload: The cursor was not made by `RecipientCursor`.
    """
    if found := _RECIPIENT.fullmatch(_decode(cursor)):
        return RecipientCursor(UserId(found[1]))
    raise _no_cursor()


def _no_cursor() -> InvalidPayload:
    return InvalidPayload("cursor", "must be a nextCursor from an earlier page")


def _encode(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    """The text of a cursor; empty for what is not one."""
    try:
        return b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return ""

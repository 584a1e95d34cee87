"""Page cursors: opaque strings with which a client requests the next page."""

import re
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass

from app.domain.errors import InvalidPayload
from app.domain.ids import ChannelId, UserId

# The digit before the colon is the version of the format. Numbers have at most 15 digits, so that
# they fit an integer column of every database.
_UNDELIVERED = re.compile(r"u1:([0-9]{1,15})")
_RECIPIENT = re.compile(r"r1:([^\0]+)")
_CHANNEL = re.compile(r"c1:([0-9]{1,15}):([^\0]+)")


@dataclass(frozen=True, slots=True)
class UndeliveredCursor:
    """Requests the undelivered messages after ``position``."""

    position: int

    def encode(self) -> str:
        """Return the text that `decode_cursor` decodes."""
        return _encode(f"u1:{self.position}")


@dataclass(frozen=True, slots=True)
class ChannelCursor:
    """Requests the messages of a channel after ``seq``."""

    channel_id: ChannelId
    seq: int

    def encode(self) -> str:
        """Return the text that `decode_cursor` decodes."""
        return _encode(f"c1:{self.seq}:{self.channel_id}")


@dataclass(frozen=True, slots=True)
class RecipientCursor:
    """Requests the recipients of a message after ``recipient_id``, sorted by id."""

    recipient_id: UserId

    def encode(self) -> str:
        """Return the text that `decode_recipient_cursor` decodes."""
        return _encode(f"r1:{self.recipient_id}")


def decode_cursor(cursor: str) -> UndeliveredCursor | ChannelCursor:
    """Decode the cursor of a page of messages.

    A client may have made up the cursor, so the caller must check permissions as for any request.

    Raises:
        InvalidPayload: The cursor is invalid.
    """
    text = _decode(cursor)
    if found := _UNDELIVERED.fullmatch(text):
        return UndeliveredCursor(int(found[1]))
    if found := _CHANNEL.fullmatch(text):
        return ChannelCursor(ChannelId(found[2]), int(found[1]))
    raise _invalid_cursor()


def decode_recipient_cursor(cursor: str) -> RecipientCursor:
    """Decode the cursor of a page of recipients. A client may send the cursor of another message.

    Raises:
        InvalidPayload: The cursor is invalid.
    """
    if found := _RECIPIENT.fullmatch(_decode(cursor)):
        return RecipientCursor(UserId(found[1]))
    raise _invalid_cursor()


def _invalid_cursor() -> InvalidPayload:
    return InvalidPayload("cursor", "must be a nextCursor from an earlier page")


def _encode(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    """Return the decoded text of a cursor; empty if it is not base64."""
    try:
        return b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return ""

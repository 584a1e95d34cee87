"""What a message may say."""

from app.domain.errors import InvalidPayload
from app.domain.text import UNSTORABLE_TEXT, is_blank, is_storable

_WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What JavaScript's ``trim`` takes off: server and frontend must agree on what is empty."""


def checked_content(content: str, max_chars: int) -> str:
    """The content as it is stored: trimmed. Invisible characters beside visible ones stay.

    Raises:
        InvalidPayload: It shows nothing, is too long or not text; it is not repeated.
    """
    trimmed = content.strip(_WHITESPACE)
    fault = _fault_in(trimmed, max_chars)
    if fault is not None:
        raise InvalidPayload("content", fault)
    return trimmed


def _fault_in(content: str, max_chars: int) -> str | None:
    if is_blank(content):
        return "must not be empty"
    if len(content) > max_chars:
        return f"must be at most {max_chars} characters"
    if not is_storable(content):
        return UNSTORABLE_TEXT
    return None

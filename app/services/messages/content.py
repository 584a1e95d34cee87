"""What a message may say."""

from app.domain.blank_text import is_blank
from app.domain.errors import FieldFault, InvalidPayload

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
        raise InvalidPayload(FieldFault("content", fault))
    return trimmed


def _fault_in(content: str, max_chars: int) -> str | None:
    if is_blank(content):
        return "must not be empty"
    if len(content) > max_chars:
        return f"must be at most {max_chars} characters"
    if not _is_text(content):
        return "must not hold NUL characters or lone surrogates"
    return None


def _is_text(content: str) -> bool:
    # Databases refuse NUL; a lone surrogate cannot be written as UTF-8, and would fail later, in
    # the writer of every recipient.
    try:
        content.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in content

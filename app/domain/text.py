"""The rules for text that people write: messages, and names and descriptions of channels."""

import re

from app.domain.errors import InvalidPayload

_INVISIBLE = (
    "\0-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Controls, white space.
    # The property Default_Ignorable_Code_Point: joiners, direction marks, Hangul fillers, tags.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # Other characters without a glyph: Braille blank, annotation and hieroglyph controls, Khitan
    # filler, null notehead. Format characters with a glyph, such as the Arabic number sign, are not
    # included.
    "\u2800\ufff9-\ufffb\U00013430-\U0001343f\U00016fe4\U0001d159"
)
_VISIBLE = re.compile(f"[^{_INVISIBLE}]")

_WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""The characters that JavaScript's ``trim`` removes: server and frontend must trim alike."""

UNSTORABLE_TEXT = "must not contain NUL characters or lone surrogates"


def checked_content(content: str, max_chars: int) -> str:
    """Return the content of a message without surrounding white space, as it is stored.

    Invisible characters between visible ones are kept, because emoji use them.

    Raises:
        InvalidPayload: The content has no visible character, is longer than ``max_chars``, or
            cannot be stored. The error does not repeat the content.
    """
    trimmed = content.strip(_WHITESPACE)
    if is_blank(trimmed):
        raise InvalidPayload("content", "must not be empty")
    if len(trimmed) > max_chars:
        raise InvalidPayload("content", f"must be at most {max_chars} characters")
    if not is_storable(trimmed):
        raise InvalidPayload("content", UNSTORABLE_TEXT)
    return trimmed


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character."""
    return _VISIBLE.search(text) is None


def checked_storable(text: str) -> str:
    """Return ``text``; raise `ValueError` if it is not storable, see `is_storable`."""
    if not is_storable(text):
        raise ValueError(UNSTORABLE_TEXT)
    return text


def is_storable(text: str) -> bool:
    """Return whether a text is free of NUL, which databases reject, and of lone surrogates.

    A lone surrogate cannot be encoded as UTF-8, so sending the text to a recipient would fail.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text

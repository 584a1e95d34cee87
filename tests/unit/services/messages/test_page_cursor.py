from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidPayload
from app.domain.ids import ChannelId, UserId
from app.services.messages.page_cursor import (
    ChannelCursor,
    RecipientCursor,
    UndeliveredCursor,
    decode_cursor,
    decode_recipient_cursor,
)

PLACES = st.integers(min_value=0, max_value=10**15 - 1)
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
CHANNEL_IDS = IDS.map(ChannelId)


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(st.builds(UndeliveredCursor, PLACES) | st.builds(ChannelCursor, CHANNEL_IDS, PLACES))
def test_cursor_means_the_same_place_when_handed_back(
    cursor: UndeliveredCursor | ChannelCursor,
) -> None:
    """A cursor can contain any text as the channel's id."""
    assert cursor == decode_cursor(cursor.encode())


@given(IDS.map(UserId))
def test_recipient_cursor_means_the_same_recipient_when_handed_back(recipient_id: UserId) -> None:
    """A cursor can contain any text as the user's id."""
    cursor = RecipientCursor(recipient_id)

    assert cursor == decode_recipient_cursor(cursor.encode())


def test_cursors_are_refused_when_they_are_of_the_other_kind() -> None:
    """A cursor for messages is invalid for recipients, and the reverse."""
    with pytest.raises(InvalidPayload):
        decode_cursor(RecipientCursor(UserId("user_bob")).encode())
    with pytest.raises(InvalidPayload):
        decode_recipient_cursor(UndeliveredCursor(5).encode())


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "\ud800",
        "ümlaut",
        "u1:5",
        encoded("u2:5"),
        encoded("u1:-5"),
        encoded("u1:\u0665"),
        encoded("u1:" + "9" * 16),
        encoded("u1:5\n"),
        encoded("c1:5"),
        encoded("c1:5:"),
        encoded("c1:5:gene\0ral"),
        urlsafe_b64encode(b"c1:5:\xed\xa0\x80").decode().rstrip("="),
    ],
)
def test_cursor_is_refused_when_it_was_not_made_here(cursor: str) -> None:
    """A forged cursor is rejected before any query."""
    with pytest.raises(InvalidPayload) as caught:
        decode_cursor(cursor)

    assert "cursor" == caught.value.path

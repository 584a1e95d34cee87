from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room


def test_rooms_are_prefixed_when_an_id_looks_like_another_kind() -> None:
    """The room of a channel never equals a user's room, whatever the channel's id."""
    assert "channel:user:user_alice" == channel_room(ChannelId("user:user_alice"))
    assert "user:user_alice" == user_room(UserId("user_alice"))

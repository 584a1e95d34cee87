from app.domain.ids import ChannelId, UserId
from app.domain.rooms import channel_room, user_room


def test_rooms_are_prefixed_when_an_id_looks_like_another_kind() -> None:
    """No channel id can make the room of a channel equal to a user's room."""
    assert "channel:user:user_alice" == channel_room(ChannelId("user:user_alice"))
    assert "user:user_alice" == user_room(UserId("user_alice"))

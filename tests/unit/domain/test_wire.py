from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message
from app.domain.user import User
from app.domain.wire import to_iso


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 123_999, tzinfo=UTC), "2026-01-31T09:30:00.123Z"),
        (
            datetime(2026, 1, 31, 0, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-30T22:30:00.000Z",
        ),
    ],
    ids=["whole second", "cut, not rounded", "another zone"],
)
def test_date_is_written_as_javascript_does_when_it_crosses_the_wire(
    moment: datetime, text: str
) -> None:
    """Always UTC, always milliseconds, always Z."""
    assert text == to_iso(moment)


def test_message_has_the_documented_fields_when_written_as_json() -> None:
    """Camel case, ISO dates, plain status, the user without an e-mail address."""
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    message = Message(
        id=MessageId("m1"),
        content="hello",
        channel_id=ChannelId("general"),
        user_id=UserId("user_alice"),
        created_at=moment,
        updated_at=moment,
        delivery_status=DeliveryState.SENT,
        user=User(id=UserId("user_alice"), name="Alice"),
        seq=1,
    )

    wire = message.model_dump(mode="json", by_alias=True)

    assert {
        "id": "m1",
        "content": "hello",
        "channelId": "general",
        "userId": "user_alice",
        "createdAt": "2026-01-31T09:30:00.000Z",
        "updatedAt": "2026-01-31T09:30:00.000Z",
        "deliveryStatus": "SENT",
        "user": {"id": "user_alice", "name": "Alice", "imageUrl": None},
        "seq": 1,
    } == wire

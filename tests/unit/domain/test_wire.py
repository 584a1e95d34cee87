from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic.alias_generators import to_camel

from app.domain.delivery import DeliveryState
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message, User
from app.domain.wire import WireValue, to_iso
from tests.unit.domain.wire_samples import MOMENT, WIRE_TYPES, sample


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
    ids=["whole second", "cut, not rounded", "another time zone"],
)
def test_date_is_written_as_javascript_does_when_it_crosses_the_wire(
    moment: datetime, text: str
) -> None:
    """Dates are in UTC, with milliseconds and ``Z``."""
    assert text == to_iso(moment)


def test_message_has_the_documented_fields_when_written() -> None:
    """Names are in camel case and dates in ISO 8601. The author has no e-mail address."""
    message = Message(
        id=MessageId("m1"),
        content="hello",
        channel_id=ChannelId("general"),
        user_id=UserId("user_alice"),
        created_at=MOMENT,
        updated_at=MOMENT,
        delivery_status=DeliveryState.SENT,
        user=User(id=UserId("user_alice"), name="Alice"),
        seq=1,
    )

    wire = message.to_wire()

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


@pytest.mark.parametrize("cls", WIRE_TYPES, ids=lambda cls: cls.__name__)
def test_every_field_has_its_name_in_camel_case_when_written(cls: type[WireValue]) -> None:
    """`to_wire` writes every field in the order of declaration."""
    assert is_dataclass(cls)

    names = list(sample(cls).to_wire())

    assert [to_camel(field.name) for field in fields(cls)] == names

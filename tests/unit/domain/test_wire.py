from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic.alias_generators import to_camel

from app.domain.channel import Channel, ChannelType, DeletedChannel, MembershipChange
from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import (
    DeletedMessage,
    DeletionReceipt,
    FailedMessage,
    Message,
    MessagePage,
    OfflineCount,
)
from app.domain.session_expiry import SessionExpiry
from app.domain.typing_indicator import TypingIndicator
from app.domain.user import User
from app.domain.wire import WireValue, to_iso

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ALICE = User(id=UserId("user_alice"), name="Alice")
GENERAL = ChannelId("general")
MESSAGE = Message(
    id=MessageId("m1"),
    content="hello",
    channel_id=GENERAL,
    user_id=ALICE.id,
    created_at=MOMENT,
    updated_at=MOMENT,
    delivery_status=DeliveryState.SENT,
    user=ALICE,
    seq=1,
)
VALUES: tuple[WireValue, ...] = (
    ALICE,
    MESSAGE,
    MessagePage(messages=(MESSAGE,), next_cursor=None),
    OfflineCount(count=1, channels={GENERAL: 1}, more=True),
    DeletedMessage(message_id=MESSAGE.id, channel_id=GENERAL),
    DeletionReceipt(message_id=MESSAGE.id),
    FailedMessage(GENERAL, None, "Try again.", "unavailable", temporary=True),
    DeliveryStatus(MESSAGE.id, ALICE.id, DeliveryState.READ, MOMENT),
    RefusedReceipt(MESSAGE.id, "There is no such message.", "message_not_found"),
    TypingIndicator(ALICE.id, GENERAL, is_typing=True, timestamp=MOMENT),
    SessionExpiry(expires_at=MOMENT),
    Channel(GENERAL, "General", None, ChannelType.PUBLIC, ALICE.id, MOMENT),
    DeletedChannel(GENERAL),
    MembershipChange(GENERAL, ALICE.id, MOMENT),
)


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


def test_message_has_the_documented_fields_when_written() -> None:
    """Camel case, ISO dates, plain status, the user without an e-mail address."""
    wire = MESSAGE.to_wire()

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


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_has_its_name_in_camel_case_when_written(value: WireValue) -> None:
    """In the order of the fields, none left out."""
    assert is_dataclass(value)

    names = list(value.to_wire())

    assert [to_camel(field.name) for field in fields(value)] == names


def test_every_kind_of_value_is_met_here() -> None:
    """A new one joins `VALUES`."""
    kinds = {cls.__name__ for cls in WireValue.__subclasses__()}

    assert {type(value).__name__ for value in VALUES} == kinds

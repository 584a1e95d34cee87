"""Tests the modules of app/gateways/dto/."""

from math import inf, nan
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.gateways.dto.channel_dto import ChannelDto
from app.gateways.dto.client_payload import StorableText
from app.gateways.dto.get_offline_dto import GetOfflineDto
from app.gateways.dto.message_dto import MessageDto
from app.gateways.dto.receipt_dto import ReceiptDto
from app.gateways.dto.send_message_dto import SendMessageDto
from app.gateways.dto.update_message_dto import UpdateMessageDto

LONGEST = "i" * 191


@pytest.mark.parametrize(
    ("dto", "payload"),
    [
        (ChannelDto, {"channelId": LONGEST}),
        (MessageDto, {"messageId": "any text, no UUID 😀"}),
        (UpdateMessageDto, {"messageId": "m", "content": "x"}),
        (SendMessageDto, {"content": "x", "channelId": "c", "clientMessageId": None}),
        (ReceiptDto, {"messageId": LONGEST}),
        (ReceiptDto, {"messageId": "m", "messageIds": None}),
        (ReceiptDto, {"messageIds": [f"{number}" for number in range(100)]}),
        (GetOfflineDto, {}),
        (GetOfflineDto, {"limit": 100, "cursor": "c" * 2048}),
        (GetOfflineDto, {"limit": 1, "channelId": "c", "afterSeq": 0}),
        (GetOfflineDto, {"channelId": "c", "afterSeq": 2**53 - 1}),
    ],
)
def test_dto_takes_the_payload_when_it_is_at_its_limits(
    dto: type[BaseModel], payload: dict[str, Any]
) -> None:
    """An id is a text of 1 to 191 printable characters."""
    assert isinstance(dto.model_validate(payload), dto)


@pytest.mark.parametrize(
    ("dto", "payload", "path"),
    [
        (ChannelDto, {"channelId": ""}, "channelId"),
        (ChannelDto, {"channelId": LONGEST + "i"}, "channelId"),
        (ChannelDto, {"channelId": "a\0b"}, "channelId"),
        (ChannelDto, {"channelId": "a\nb"}, "channelId"),
        (ChannelDto, {"channel_id": "general"}, "channelId"),
        (MessageDto, {"messageId": 5}, "messageId"),
        (UpdateMessageDto, {"messageId": "m", "content": 5}, "content"),
        (SendMessageDto, {"content": "x", "channelId": "c", "tempId": 5}, "tempId"),
        (SendMessageDto, {"content": "x", "channelId": "c", "tempId": ""}, "tempId"),
        (ReceiptDto, {}, "messageId"),
        (ReceiptDto, {"messageId": None}, "messageId"),
        (ReceiptDto, {"messageIds": None}, "messageId"),
        (ReceiptDto, {"messageId": 5}, "messageId"),
        (ReceiptDto, {"messageId": "m", "messageIds": ["m"]}, "messageId"),
        (ReceiptDto, {"messageIds": []}, "messageIds"),
        (ReceiptDto, {"messageIds": ["m"] * 101}, "messageIds"),
        (ReceiptDto, {"messageIds": "m"}, "messageIds"),
        (ReceiptDto, {"messageIds": ["m", 5]}, "messageIds.1"),
        (ReceiptDto, {"messageIds": ["m", ""]}, "messageIds.1"),
        (GetOfflineDto, {"limit": 0}, "limit"),
        (GetOfflineDto, {"limit": 101}, "limit"),
        (GetOfflineDto, {"limit": "5"}, "limit"),
        (GetOfflineDto, {"limit": True}, "limit"),
        (GetOfflineDto, {"limit": 50.5}, "limit"),
        (GetOfflineDto, {"limit": 0.0}, "limit"),
        (GetOfflineDto, {"limit": 1e300}, "limit"),
        (GetOfflineDto, {"limit": nan}, "limit"),
        (GetOfflineDto, {"limit": inf}, "limit"),
        (GetOfflineDto, {"cursor": "c" * 2049}, "cursor"),
        (GetOfflineDto, {"channelId": "c", "afterSeq": -1}, "afterSeq"),
        (GetOfflineDto, {"channelId": "c", "afterSeq": 2**53}, "afterSeq"),
        (GetOfflineDto, {"channelId": "c", "afterSeq": 2.0**53}, "afterSeq"),
        (GetOfflineDto, {"channelId": "c", "afterSeq": 7.5}, "afterSeq"),
        (GetOfflineDto, {"channelId": "c", "afterSeq": False}, "afterSeq"),
        (GetOfflineDto, {"channelId": "c"}, ""),
        (GetOfflineDto, {"afterSeq": 1}, ""),
    ],
)
def test_dto_refuses_the_payload_when_a_field_does_not_fit(
    dto: type[BaseModel], payload: dict[str, Any], path: str
) -> None:
    """Types must match exactly. The error names the field as the client has spelt it."""
    with pytest.raises(ValidationError) as caught:
        dto.model_validate(payload)

    paths = [".".join(map(str, error["loc"])) for error in caught.value.errors()]
    assert [path] == paths


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_storable_text_refuses_text_when_no_database_takes_it(text: str) -> None:
    """Texts without NUL and lone surrogates are accepted unchanged, whatever their length."""
    storable = TypeAdapter[str](StorableText)

    with pytest.raises(ValidationError):
        storable.validate_python(text)

    assert " 😀" * 999 == storable.validate_python(" 😀" * 999)


def test_send_message_dto_takes_the_documented_name_when_both_are_sent() -> None:
    """``clientMessageId`` takes precedence over its alias ``tempId``."""
    dto = SendMessageDto.model_validate(
        {"content": " x ", "channelId": "c", "clientMessageId": "one", "tempId": "two"}
    )

    assert (" x ", "one") == (dto.content, dto.client_message_id)


def test_receipt_dto_lists_each_message_once_when_some_are_repeated() -> None:
    """The ids keep the order in which they first occur."""
    dto = ReceiptDto.model_validate({"messageIds": ["b", "a", "b"]})

    assert ("b", "a") == dto.listed


def test_get_offline_dto_tells_the_known_place_when_there_is_one() -> None:
    """``since`` is the channel with the sequence, or None."""
    known = GetOfflineDto.model_validate({"channelId": "c", "afterSeq": 7})

    assert (("c", 7), None) == (known.since, GetOfflineDto.model_validate({}).since)


def test_every_integer_is_taken_when_it_is_written_with_a_fraction_of_zero() -> None:
    """In JSON 50.0 equals 50, and clients in some languages write 50.0."""
    dto = GetOfflineDto.model_validate({"limit": 50.0, "channelId": "c", "afterSeq": 7.0})

    assert (50, 7) == (dto.limit, dto.after_seq)
    assert (int, int) == (type(dto.limit), type(dto.after_seq))

"""Expected payloads, with placeholders that equal any date or text."""

import re
from typing import Any

from tests.e2e.js_client import JsClient

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class IsoDate:
    """Equals every date in the format of ``JSON.stringify(new Date())``."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and _DATE.fullmatch(other) is not None

    def __hash__(self) -> int:
        return hash(_DATE)

    def __repr__(self) -> str:
        return "<a date>"


class Text:
    """Equals every non-empty text."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other != ""

    def __hash__(self) -> int:
        return hash("")

    def __repr__(self) -> str:
        return "<a text>"


A_DATE = IsoDate()
A_TEXT = Text()


def a_message(author: JsClient, channel_id: str, content: str, seq: int = 1) -> dict[str, object]:
    """Return the documented ``Message`` of a new message."""
    return {
        "id": A_TEXT,
        "content": content,
        "channelId": channel_id,
        "userId": author.user_id,
        "createdAt": A_DATE,
        "updatedAt": A_DATE,
        "deliveryStatus": "SENT",
        "user": {"id": author.user_id, "name": A_TEXT, "imageUrl": None},
        "seq": seq,
    }


def a_status(message: dict[str, Any], recipient: JsClient, status: str) -> dict[str, object]:
    """Return the documented ``DeliveryStatus``."""
    return {
        "messageId": message["id"],
        "recipientId": recipient.user_id,
        "status": status,
        "timestamp": A_DATE,
    }


def an_indicator(typist: JsClient, channel_id: str, *, is_typing: bool) -> dict[str, object]:
    """Return the documented ``TypingIndicator``."""
    return {
        "userId": typist.user_id,
        "channelId": channel_id,
        "isTyping": is_typing,
        "timestamp": A_DATE,
    }


def an_error(code: str, **details: object) -> dict[str, object]:
    """Return the error fields of ``SocketResponse``, for an error that is not temporary."""
    return {"error": A_TEXT, "code": code, "temporary": False, **details}

"""Tests events that the gateway rejects (app/gateways/ws_gateway.py)."""

from typing import Any

import pytest

from app.config.settings import Settings
from app.domain.events import SECRET_EVENTS, ClientEvent
from app.framework.platform_socketio import json_codec
from app.gateways.dto.client_payload import ClientPayload
from tests.unit.gateways.chat import TOKEN_LIFE_SECONDS, Chat, open_chat


@pytest.fixture
async def chat() -> Chat:
    return await open_chat()


async def sent(chat: Chat) -> Any:
    """Send a message of Alice in the channel `general`, and return the ``data`` of the ack."""
    alice = await chat.connect("user_alice")
    message = (await alice.call("sendMessage", {"content": "hello", "channelId": "general"}))[
        "data"
    ]
    chat.broadcaster.published.clear()
    return message


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("sendMessage", {"content": "x", "channelId": "general"}),
        ("typing", {"channelId": "general"}),
        ("typing:stop", {"channelId": "general"}),
        ("typing:get", {"channelId": "general"}),
        ("message:getOffline", {"channelId": "general", "afterSeq": 0}),
    ],
)
async def test_events_are_refused_when_the_user_is_no_member(
    chat: Chat, event: str, payload: Any
) -> None:
    """Rejected events publish nothing."""
    dave = await chat.connect("user_dave")

    answer = await dave.call(event, payload)

    assert ("not_a_member", []) == (answer["code"], chat.published)


@pytest.mark.parametrize(
    ("event", "user", "code"),
    [
        ("updateMessage", "user_bob", "not_the_author"),
        ("deleteMessage", "user_bob", "not_the_author"),
        ("message:delivered", "user_alice", "not_a_recipient"),
        ("message:seen", "user_alice", "not_a_recipient"),
        ("updateMessage", "user_dave", "message_not_found"),
        ("deleteMessage", "user_dave", "message_not_found"),
        ("message:delivered", "user_dave", "message_not_found"),
        ("message:seen", "user_dave", "message_not_found"),
        ("message:getStatus", "user_dave", "message_not_found"),
    ],
)
async def test_events_are_refused_when_the_message_is_not_the_users_to_touch(
    chat: Chat, event: str, user: str, code: str
) -> None:
    """The error does not reveal to strangers whether the message exists."""
    message = await sent(chat)
    client = await chat.connect(user)

    answer = await client.call(event, {"messageId": message["id"], "content": "x"})

    assert (code, []) == (answer["code"], chat.published)


@pytest.mark.parametrize(
    "event", [each for each in ClientEvent if each != "message:getOfflineCount"]
)
@pytest.mark.parametrize("payload", [{}, None, "text", [1], {"channelId": 5, "messageId": 5}])
async def test_events_refuse_the_payload_with_fields_when_it_does_not_fit(
    chat: Chat, event: ClientEvent, payload: Any
) -> None:
    """Every event with a payload rejects payloads of a wrong shape."""
    alice = await chat.connect("user_alice")

    answer = await alice.call(event, payload)

    if event == ClientEvent.MESSAGE_GET_OFFLINE and payload in ({}, None, "text"):
        assert {"messages": [], "nextCursor": None} == answer["data"]
    else:
        assert "invalid_payload" == answer["code"]
        assert all({"path", "message"} == set(field) for field in answer["fields"])


def with_bad_text(payload_type: type[ClientPayload], bad: str) -> dict[str, dict[str, object]]:
    """Return one payload per text field of the type, with ``bad`` in this field only."""
    schema = payload_type.model_json_schema()
    fields = schema["properties"]
    good = {
        name: 1 if fields[name].get("type") == "integer" else "general"
        for name in schema.get("required", ())
    }
    payloads: dict[str, dict[str, object]] = {}
    for name, field in fields.items():
        for kind in field.get("anyOf", [field]):
            if kind.get("type") == "string":
                payloads[name] = {**good, name: bad}
            elif kind.get("items", {}).get("type") == "string":
                payloads[f"{name}.0"] = {**good, name: [bad]}
    return payloads


@pytest.mark.parametrize("bad", ["\\ud800", "a\\u0000b"])
async def test_events_refuse_text_when_no_database_takes_it(chat: Chat, bad: str) -> None:
    """Every text field rejects lone surrogates and NUL, except tokens, which are not stored."""
    alice = await chat.connect("user_alice")
    payloads = {
        (event, path): payload
        for event, payload_type in chat.payload_types.items()
        if event not in SECRET_EVENTS
        for path, payload in with_bad_text(payload_type, json_codec.loads(f'"{bad}"')).items()
    }

    refused = set()
    for (event, _), payload in payloads.items():
        answer = await alice.call(event, payload)
        refused |= {(event, field["path"]) for field in answer.get("fields", ())}

    assert ("sendMessage", "content") in refused
    assert payloads.keys() == refused


async def test_events_are_throttled_when_a_user_sends_too_many() -> None:
    """``WsThrottlerGuard`` runs before every handler."""
    chat = await open_chat(
        Settings.model_construct(
            database_url="memory:", rate_limit_burst=2, rate_limit_events_per_second=1
        )
    )
    alice = await chat.connect("user_alice")

    answers = [await alice.call("typing:get", {"channelId": "general"}) for _ in range(3)]

    assert ("rate_limited", 1000, True) == (
        answers[2]["code"],
        answers[2]["retryAfterMs"],
        answers[2]["temporary"],
    )


async def test_events_are_refused_when_the_session_has_expired(chat: Chat) -> None:
    """Once the session has expired, `WsGuard` accepts only ``auth:refresh``."""
    alice = await chat.connect("user_alice")

    chat.clock.advance(TOKEN_LIFE_SECONDS + 5)

    codes = {event: (await alice.call(event, {}))["code"] for event in chat.events}
    expected = dict.fromkeys(ClientEvent, "token_expired")
    assert {**expected, ClientEvent.AUTH_REFRESH: "invalid_payload"} == codes


async def test_refused_events_count_when_the_session_has_expired() -> None:
    """If rejected events did not count, a client could flood the server in the grace period."""
    chat = await open_chat(
        Settings.model_construct(
            database_url="memory:", rate_limit_burst=2, rate_limit_events_per_second=1
        )
    )
    alice = await chat.connect("user_alice")
    chat.clock.advance(TOKEN_LIFE_SECONDS + 5)

    answers = [await alice.call("typing:get") for _ in range(3)]

    assert ["token_expired", "token_expired", "rate_limited"] == [each["code"] for each in answers]

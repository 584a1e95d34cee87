"""Tests the complete chat with hostile values in ``auth`` and in events."""

import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.config.settings import Settings
from app.domain.ids import ChannelId, UserId
from app.main import create_application
from app.observability.logging import configure_logging
from app.services.channel_service import ChannelService
from tests.e2e.hostile.raw_client import RawClient, websocket_client
from tests.unit.adapters.clerk.signed_tokens import ISSUER, PARTY, private_key, token

ODD_TOKENS: dict[str, tuple[object, str]] = {
    "none": (None, "token_missing"),
    "empty": ("", "token_missing"),
    "zero": (0, "token_missing"),
    "false": (False, "token_missing"),
    "number": (1, "token_malformed"),
    "true": (True, "token_malformed"),
    "operator": ({"$ne": None}, "token_malformed"),
    "list": (["a.b.c"], "token_malformed"),
    "prototype": ({"__proto__": {"token": "x"}}, "token_malformed"),
    "lone surrogate": ("\ud800", "token_malformed"),
    "NUL": ("a.b.c\0", "token_malformed"),
    "newline behind": ("a.b.c\n", "token_malformed"),
    "huge": ("a" * 60_000, "token_malformed"),
    "deep": ([[[[[[[[[[1]]]]]]]]]], "token_malformed"),
    "ansi": ("\x1b[31m.a.a", "token_malformed"),
    "bearer": ("BEARER a.b.c", "bearer_prefix"),
    "dots": ("..", "token_malformed"),
    "many dots": ("." * 50_000, "token_malformed"),
}


def _settings() -> Settings:
    pem = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Settings(
        database_url="memory:",
        clerk_jwt_key=pem.decode(),
        clerk_issuer=ISSUER,
        clerk_authorized_parties=(PARTY,),
        rate_limit_connects_per_minute=1000,
        rate_limit_failed_auth_per_minute=1000,
        rate_limit_events_per_second=1000,
        rate_limit_burst=1000,
    )


def _good_token(user: str) -> str:
    now = int(time.time())
    return token({"sub": user, "iat": now, "nbf": now - 10, "exp": now + 60})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The address of a chat whose storage is in memory."""
    application = create_application(_settings())
    url = await application.listen(0)
    await application.get(ChannelService).seed({UserId("ada"): [ChannelId("general")]})
    yield url
    await application.close()


async def _refusal(client: RawClient) -> dict[str, Any]:
    texts = await client.everything()
    assert ["40", "42", "41"] == [text[:2] for text in texts]
    name, error = json.loads(texts[1][2:])
    assert "error" == name
    assert isinstance(error, dict)
    return error


async def _connect(client: RawClient, user: str = "ada") -> None:
    client.connect({"token": _good_token(user)})
    assert "40" == (await client.receive_packet())[0]


@pytest.mark.parametrize("name", ODD_TOKENS)
async def test_client_is_refused_by_code_when_its_token_is_odd(
    url: str, log: io.StringIO, name: str
) -> None:
    """The client receives an authentication error, and the log has no traceback."""
    value, code = ODD_TOKENS[name]
    async with websocket_client(url) as client:
        client.connect({"token": value}, '421["message:getOfflineCount"]')

        error = await _refusal(client)

    assert code == error["code"]
    assert "Traceback" not in log.getvalue()
    assert 1 == log.getvalue().count("connection refused")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": "Bearer {token}"}, ""),
        ({"token": "{token}"}, ""),
        ({"Cookie": "__session={token}"}, ""),
        ({}, "&token={token}"),
        ({}, "&auth={token}"),
    ],
    ids=str,
)
async def test_token_is_not_read_when_it_is_not_in_auth(
    url: str, log: io.StringIO, headers: dict[str, str], query: str
) -> None:
    """A token in any other part of the handshake is neither read nor logged."""
    good = _good_token("ada")
    headers = {name: value.format(token=good) for name, value in headers.items()}
    full_query = "EIO=4&transport=websocket" + query.format(token=good)
    async with websocket_client(url, headers, full_query) as client:
        client.connect({"userId": "ada", "__proto__": {"token": good}, "Token": good})

        error = await _refusal(client)

    assert "token_missing" == error["code"]
    assert good.rsplit(".", 1)[1] not in log.getvalue()


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "general",
        0,
        {"channelId": {"$ne": None}, "content": "x"},
        {"channelId": ["general"], "content": "x"},
        {"channelId": "general", "content": {"toString": "x"}},
        {"channelId": "general", "content": "\ud800"},
        {"channelId": "general", "content": "a\0b"},
        {"channelId": "general\ud800", "content": "x"},
        {"channelId": "g" * 60_000, "content": "x"},
        {"channelId": "general", "content": "x", "clientMessageId": 10**30},
        {"channelId": "general", "content": "x", "clientMessageId": ""},
        {"__proto__": {"channelId": "general", "content": "x"}},
    ],
    ids=lambda payload: repr(payload)[:40],
)
async def test_payload_is_refused_with_fields_when_it_is_odd(
    url: str, log: io.StringIO, payload: object
) -> None:
    """An invalid payload is rejected before it reaches the storage or another client."""
    async with websocket_client(url) as client:
        await _connect(client)
        client.send(f'421["sendMessage",{json.dumps(payload)}]')

        head, data = await client.receive_packet()

    assert "431" == head
    assert "invalid_payload" == data[0]["code"]
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("room", ["general", "user:bob", "channel:general", "\ud800", "/", "*"])
async def test_room_of_others_is_not_reached_when_its_name_is_guessed(url: str, room: str) -> None:
    """Clients cannot name rooms, so they cannot address the room of another channel."""
    async with websocket_client(url) as ada, websocket_client(url) as eve:
        await _connect(ada)
        await _connect(eve, "eve")
        for event in ("sendMessage", "typing", "typing:get", "typing:stop"):
            payload = {"channelId": room, "content": "x"}
            eve.send(f'421["{event}",{json.dumps(payload)}]')
            _, data = await eve.receive_packet()
            assert data[0]["code"] in {"not_a_member", "invalid_payload"}

        ada.send('421["message:getOfflineCount"]')
        assert "431" == (await ada.receive_packet())[0]


async def test_socket_id_is_no_channel_when_used_as_one(url: str) -> None:
    """A client cannot address the room of a socket."""
    async with websocket_client(url) as ada, websocket_client(url) as eve:
        ada.connect({"token": _good_token("ada")})
        _, data = await ada.receive_packet()
        await _connect(eve, "eve")
        eve.send(f'421["sendMessage",{{"channelId":"{data["sid"]}","content":"x"}}]')

        _, answer = await eve.receive_packet()

        assert "not_a_member" == answer[0]["code"]


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_log_line_is_one_short_line_when_the_event_name_is_hostile(
    url: str, log: io.StringIO, log_format: Any
) -> None:
    """The event's name is logged without its line breaks and escape sequences, and shortened."""
    configure_logging("debug", log_format)
    name = "\x1b[2J\x07\x9b31m\u202e\n2026 [error] forged" + "x" * 60_000
    async with websocket_client(url) as client:
        await _connect(client)
        before = len(log.getvalue())
        client.send(
            f"421[{json.dumps(name, ensure_ascii=False)}]".replace("\x1b", "\\u001b")
            .replace("\x07", "\\u0007")
            .replace("\n", "\\n")
        )

        _, data = await client.receive_packet()

    assert "unknown_event" == data[0]["code"]
    written = log.getvalue()[before:]
    assert not [character for character in written if character in "\x1b\x07\x9b\u202e"]
    assert not [line for line in written.splitlines() if line.startswith("2026 [error]")]
    assert len(written) < 4000

"""Tests the event ``auth:refresh`` (app/gateways/ws_gateway.py)."""

import pytest
from structlog.testing import capture_logs

from app.domain.wire import to_iso
from app.services.session_service import SessionService
from tests.unit.gateways.chat import TOKEN_LIFE_SECONDS, Chat, open_chat

NEXT_TOKEN = "user_alice~2"


@pytest.fixture
async def chat() -> Chat:
    return await open_chat()


@pytest.mark.parametrize("elapsed_seconds", [0, TOKEN_LIFE_SECONDS - 1, TOKEN_LIFE_SECONDS + 20])
async def test_refresh_acks_the_new_expiry_when_the_token_is_good(
    chat: Chat, elapsed_seconds: float
) -> None:
    """After a refresh within the grace period, other events are accepted again."""
    alice = await chat.connect("user_alice")
    chat.clock.advance(elapsed_seconds)

    answer = await alice.call("auth:refresh", {"token": NEXT_TOKEN})
    chat.clock.advance(TOKEN_LIFE_SECONDS)

    assert {"data": {"expiresAt": to_iso(chat.clock.now())}} == answer
    assert {"data": []} == await alice.call("typing:get", {"channelId": "general"})


async def test_refresh_is_acked_before_the_end_when_the_user_is_another(chat: Chat) -> None:
    """The client receives the ack, then ``error``, and is then disconnected."""
    await chat.module.get(SessionService).on_module_init()
    alice = await chat.connect("user_alice")

    answer = await alice.call("auth:refresh", {"token": "user_bob"})

    assert ("subject_changed", False) == (answer["code"], answer["temporary"])
    assert [("error", "subject_changed")] == [
        (event, args[0]["code"]) for event, args in alice.link.emitted
    ]
    assert not alice.socket.connected


async def test_socket_stays_when_its_refresh_fails(chat: Chat) -> None:
    """The client may try another token until the session ends."""
    alice = await chat.connect("user_alice")

    answer = await alice.call("auth:refresh", {"token": "forged"})

    assert "token_signature" == answer["code"]
    assert ([], True) == (alice.link.emitted, alice.socket.connected)


@pytest.mark.parametrize("payload", [None, {}, {"token": 5}, {"token": ["a"]}, "user_alice"])
async def test_refresh_is_refused_when_the_payload_has_no_token(
    chat: Chat, payload: object
) -> None:
    alice = await chat.connect("user_alice")

    answer = await alice.call("auth:refresh", payload)

    assert "invalid_payload" == answer["code"]


@pytest.mark.parametrize("token", ["forged secret", {"secret": 1}])
async def test_refresh_keeps_the_token_to_itself_when_it_fails(chat: Chat, token: object) -> None:
    """The answer, the ``exception`` event and the log do not contain the token."""
    alice = await chat.connect("user_alice")

    with capture_logs() as logs:
        answer = await alice.call("auth:refresh", {"token": token})
        await chat.tell(alice.socket, "auth:refresh", {"token": token})

    assert ["exception"] == [event for event, _ in alice.link.emitted]
    assert "secret" not in f"{answer} {logs} {alice.link.emitted}"

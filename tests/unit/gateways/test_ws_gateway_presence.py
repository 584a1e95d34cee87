"""Tests presence in the assembled application (app/gateways/ws_gateway.py)."""

from collections.abc import AsyncIterator

import pytest

from app.config.settings import Settings
from app.services.presence_service import OFFLINE_DELAY_SECONDS, PresenceService
from tests.unit.gateways.chat import Chat, open_chat
from tests.until import until

GENERAL = {"channelId": "general"}
ONLINE = [("channel:general", "presence"), ("channel:random", "presence")]


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    """A chat that publishes presence, with a limit of ten events."""
    settings = Settings.model_construct(
        database_url="memory:", rate_limit_events_per_second=1.0, rate_limit_burst=10
    )
    chat = await open_chat(settings)
    presence = chat.module.get(PresenceService)
    await presence.on_module_init()
    yield chat
    await presence.on_module_destroy()


async def test_presence_get_lists_the_members_when_a_member_asks(chat: Chat) -> None:
    alice = await chat.connect("user_alice")
    await until(lambda: chat.published == ONLINE)

    answer = await alice.call("presence:get", GENERAL)

    members = [
        {"userId": "user_alice", "online": True},
        {"userId": "user_bob", "online": False},
    ]
    assert {"data": members} == answer


async def test_presence_get_is_refused_when_the_user_is_no_member(chat: Chat) -> None:
    dave = await chat.connect("user_dave")

    answer = await dave.call("presence:get", GENERAL)

    assert "not_a_member" == answer["code"]


async def test_presence_get_counts_as_five_events(chat: Chat) -> None:
    """The cost is higher because a request may read thousands of members."""
    alice = await chat.connect("user_alice")

    answers = [await alice.call("presence:get", GENERAL) for _ in range(3)]

    assert [True, True, False] == ["data" in answer for answer in answers]
    assert "rate_limited" == answers[2]["code"]


async def test_presence_is_published_when_the_first_socket_connects_and_the_last_leaves(
    chat: Chat,
) -> None:
    """The user's own sockets do not receive the event."""
    phone = await chat.connect("user_alice", "phone")
    laptop = await chat.connect("user_alice", "laptop")
    await until(lambda: chat.published == ONLINE)

    await phone.leave()
    chat.clock.advance(OFFLINE_DELAY_SECONDS)
    await laptop.leave()
    chat.clock.advance(OFFLINE_DELAY_SECONDS)
    await until(lambda: len(chat.published) == 2 * len(ONLINE))

    assert ONLINE * 2 == chat.published
    assert {"user_alice"} == {each.except_user for each in chat.broadcaster.published}


async def test_refused_socket_is_not_online(chat: Chat) -> None:
    """A socket with an invalid token is not counted."""
    await chat.connect("nonsense")
    bob = await chat.connect("user_bob")
    await until(lambda: [("channel:general", "presence")] == chat.published)

    answer = await bob.call("presence:get", GENERAL)

    assert [True, False] == [each["online"] for each in answer["data"]]

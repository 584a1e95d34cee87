"""Tests memberships that change while a client connects (app/gateways/ws_gateway.py)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.domain.ids import ChannelId, UserId
from app.ports import ChannelRepository
from app.services.channel_service import ChannelService
from app.services.event_service import EventService
from app.services.room_sync import RoomSync
from tests.unit.gateways.chat import Chat, open_chat
from tests.unit.services.slow_channels import SlowChannels

ALICE = UserId("user_alice")
BOB = UserId("user_bob")
GENERAL = ChannelId("general")
RANDOM = ChannelId("random")

Change = Callable[[ChannelService], Awaitable[object]]


@pytest.fixture
async def chat() -> Chat:
    """Return a chat over storage whose answers a test can delay."""
    return await open_chat(instead={ChannelRepository: SlowChannels})


@pytest.mark.parametrize(
    ("user_id", "change", "expected"),
    [
        (ALICE, lambda service: service.remove_member(GENERAL, ALICE), {"channel:random"}),
        (ALICE, lambda service: service.delete(GENERAL), {"channel:random"}),
        (
            BOB,
            lambda service: service.add_member(RANDOM, BOB),
            {"channel:general", "channel:random"},
        ),
        (BOB, lambda service: service.remove_member(GENERAL, ALICE), {"channel:general"}),
    ],
    ids=["removed", "deleted", "added", "somebody else"],
)
async def test_client_is_where_its_user_belongs_now_when_that_changes_while_it_connects(
    chat: Chat, user_id: UserId, change: Change, expected: set[str]
) -> None:
    """The storage reads the members before the change, but answers after the change."""
    channels = chat.module.get(SlowChannels)
    # Cache the members, so that the change does not load them.
    await chat.module.get(RoomSync).refresh_all([GENERAL, RANDOM])
    channels.hold()

    connecting = asyncio.create_task(chat.connect(user_id))
    await channels.asked.wait()
    await change(chat.module.get(ChannelService))
    channels.may_answer.set()
    client = await connecting

    assert {f"user:{user_id}", *expected} == client.link.joined
    followed = chat.module.get(EventService).channels_of_socket(client.socket.id, user_id)
    assert expected == {f"channel:{each}" for each in followed}

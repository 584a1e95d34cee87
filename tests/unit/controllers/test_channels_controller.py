from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from yarl import URL

from app.domain.channel import ChannelDraft, ChannelType, MemberRole
from app.domain.ids import ChannelId, UserId
from tests.unit.controllers.changing import (
    AUTHORIZED,
    SMALLEST,
    RecordingChannelService,
    serving_channels,
)
from tests.unit.controllers.revoking import Client

ALICE = UserId("user_alice")
DRAFT = ChannelDraft(ChannelId("news"), "News", None, ChannelType.PUBLIC, ALICE, ())


@pytest.fixture
def channels() -> RecordingChannelService:
    return RecordingChannelService()


@pytest.fixture
async def client(channels: RecordingChannelService) -> AsyncIterator[Client]:
    async with serving_channels(channels) as client:
        yield client


async def test_channel_is_created_when_all_of_it_is_named(
    client: Client, channels: RecordingChannelService
) -> None:
    """The response has the same fields as the event that members receive."""
    body = {
        "id": "news/ü",
        "name": " News\n",
        "description": "What is new\nand good",
        "type": "PRIVATE",
        "createdById": "user_alice",
        "memberIds": ["user_bob", "user_carol"],
    }

    response = await client.post("/channels", json=body, headers=AUTHORIZED)

    assert 201 == response.status
    assert {
        "id": "news/ü",
        "name": "News",
        "description": "What is new\nand good",
        "type": "PRIVATE",
        "createdById": "user_alice",
        "createdAt": "2026-01-31T09:30:00.000Z",
    } == await response.json()
    expected = ChannelDraft(
        ChannelId("news/ü"),
        "News",
        "What is new\nand good",
        ChannelType.PRIVATE,
        ALICE,
        (UserId("user_bob"), UserId("user_carol")),
    )
    assert [expected] == channels.created


async def test_channel_gets_an_id_when_none_is_named(
    client: Client, channels: RecordingChannelService
) -> None:
    """By default a channel gets a unique id, is public, and has its creator as its only member."""
    for _ in range(2):
        await client.post("/channels", json=SMALLEST, headers=AUTHORIZED)

    first, second = channels.created
    assert first.id != second.id
    assert DRAFT == replace(first, id=DRAFT.id)


async def test_channel_is_answered_when_it_stands_already(
    client: Client, channels: RecordingChannelService
) -> None:
    """A repeated request is harmless: its status is 200 instead of 201."""
    channels.changes = False

    response = await client.post("/channels", json={**SMALLEST, "id": "news"}, headers=AUTHORIZED)

    assert (200, "news") == (response.status, (await response.json())["id"])


async def test_channel_is_deleted_when_it_is_named(
    client: Client, channels: RecordingChannelService
) -> None:
    """The id in the path is decoded exactly once."""
    url = URL("/channels/news%2F%C3%BC%2520%25%7B%7D", encoded=True)

    response = await client.delete(url, headers=AUTHORIZED)

    assert (200, {"channelId": "news/ü%20%{}"}) == (response.status, await response.json())
    assert [("delete", "news/ü%20%{}")] == channels.calls


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize(
    ("method", "body", "call"),
    [
        ("PUT", "", ("add", "a/b", "user_ü", None)),
        ("PUT", "{}", ("add", "a/b", "user_ü", None)),
        ("PUT", '{"role": "ADMIN"}', ("add", "a/b", "user_ü", MemberRole.ADMIN)),
        ("DELETE", "", ("remove", "a/b", "user_ü")),
    ],
)
async def test_membership_is_changed_when_both_are_named(
    client: Client,
    channels: RecordingChannelService,
    method: str,
    body: str,
    call: tuple[object, ...],
    *,
    changes: bool,
) -> None:
    """The response states whether the membership changed."""
    channels.changes = changes
    url = URL("/channels/a%2Fb/members/user_%C3%BC", encoded=True)

    response = await client.request(method, url, data=body, headers=AUTHORIZED)

    answer = {"channelId": "a/b", "userId": "user_ü", "changed": changes}
    assert (200, answer) == (response.status, await response.json())
    assert [call] == channels.calls

"""Tests channels that a backend or another process changes while users are connected."""

import asyncio
import sqlite3
from contextlib import closing
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from aiohttp import ClientSession
from yarl import URL

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.chat_groups import Chat
from tests.e2e.js_client import JsClient
from tests.e2e.server_process import Serve, ServerProcess

KEY = "the-key-of-a-backend"
LOOK_SECONDS = 0.2
BURST = 50

_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server that accepts requests from a backend."""
    return await serve(SERVICE_KEY=KEY)


async def request(
    chat: Chat, method: str, *path: str, body: dict[str, object] | None = None
) -> tuple[int, Any]:
    """Send a backend's request to ``/channels/...``, and return status and body."""
    parts = (quote(each, safe="") for each in path)
    url = URL("/".join((f"{chat.server.url}/channels", *parts)), encoded=True)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        ClientSession() as http,
        http.request(method, url, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def member(chat: Chat, method: str, channel_id: str, name: str) -> bool:
    """Add (PUT) or remove (DELETE) a member; return whether the membership changed."""
    user_id = chat.user_id(name)
    status, answer = await request(chat, method, channel_id, "members", user_id)
    changed: bool = answer["changed"]
    expected = {"channelId": channel_id, "userId": user_id, "changed": changed}
    assert (status, answer) == (200, expected)
    return changed


async def send(client: JsClient, channel_id: str) -> str:
    """Send a message, and return its id."""
    payload = {"channelId": channel_id, "content": f"message {next(_numbers)}"}
    answer = await client.ask("sendMessage", payload)
    message_id: str = answer["data"]["id"]
    return message_id


async def received(client: JsClient) -> list[str]:
    """Return the ids of all messages that the client has received."""
    await client.has_seen("message.created")
    return [each.first["id"] for each in client.log if each.event == "message.created"]


def write(chat: Chat, statement: str, *values: str) -> None:
    """Execute a statement on the database from outside the server."""
    file = chat.server.folder / ".data" / "chat.db"
    with closing(sqlite3.connect(file, timeout=ANSWER_SECONDS)) as database, database:
        database.execute(statement, values)


async def receives(listener: JsClient, sender: JsClient, channel_id: str, *, until: bool) -> bool:
    """Send messages until the listener receives one.

    If ``until`` is false, send messages until the listener does not receive one. Returns whether
    the listener received the last message. Gives up after `ANSWER_SECONDS`.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + ANSWER_SECONDS
    while True:
        message_id = await send(sender, channel_id)
        gets_it = message_id in await received(listener)
        if gets_it is until or loop.time() > ends_at:
            return gets_it
        await asyncio.sleep(LOOK_SECONDS)


async def test_next_message_reaches_a_user_when_they_are_added_while_connected(chat: Chat) -> None:
    """All of the user's sockets receive the message. The channel is notified of the user once."""
    alice, dave = await chat.client("alice"), await chat.client("dave")
    daves_other = await chat.client("dave")

    changes = [await member(chat, "PUT", chat.general, "dave") for _ in range(2)]
    message_id = await send(alice, chat.general)

    assert [True, False] == changes
    for client in (alice, dave, daves_other):
        joined = await client.sees("room:member:joined")
        assert (chat.general, dave.user_id) == (joined["channelId"], joined["userId"])
        assert [message_id] == await received(client)
    assert 1 == alice.events.count("room:member:joined")
    assert "data" in await dave.ask("sendMessage", {"channelId": chat.general, "content": "hi"})


async def test_no_message_reaches_a_user_when_they_were_removed_in_a_burst(chat: Chat) -> None:
    """A user receives no message after the notification of the removal."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    phone = await chat.client("bob")

    sending = [asyncio.create_task(send(alice, chat.general)) for _ in range(BURST)]
    await bob.sees("message.created")
    await member(chat, "DELETE", chat.general, "bob")
    when_answered = [await received(each) for each in (bob, phone)]
    await asyncio.gather(*sending)
    await send(alice, chat.general)

    assert when_answered == [await received(each) for each in (bob, phone)]
    assert "room:member:left" == [each for each in bob.events if each[:4] in {"mess", "room"}][-1]
    assert BURST + 1 == len(await received(alice))


async def test_member_is_gone_when_they_were_removed_while_they_typed(chat: Chat) -> None:
    """The user's typing ends before the removal is published, and later events are rejected."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    await send(alice, chat.general)
    await bob.ask("typing", {"channelId": chat.general})
    assert (await alice.sees("typing"))["isTyping"]

    await member(chat, "DELETE", chat.general, "bob")

    assert not (await alice.sees("typing"))["isTyping"]
    await alice.sees("room:member:left")
    assert ["typing", "room:member:left"] == alice.events[-2:]
    assert {"data": []} == await alice.ask("typing:get", {"channelId": chat.general})
    refusal = await bob.ask("sendMessage", {"channelId": chat.general, "content": "hi"})
    assert "not_a_member" == refusal["code"]
    page = await bob.ask("message:getOffline", {})
    assert [] == page["data"]["messages"]
    refusal = await bob.ask("message:getOffline", {"channelId": chat.general, "afterSeq": 0})
    assert "not_a_member" == refusal["code"]


async def test_members_are_in_a_channel_when_it_is_created_while_they_are_connected(
    chat: Chat,
) -> None:
    """Members are notified once, and receive the channel's messages.

    Other users are not notified.
    """
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]
    channel_id = f"neu/grün {chat.general}"
    body: dict[str, object] = {
        "id": channel_id,
        "name": "News",
        "createdById": alice.user_id,
        "memberIds": [bob.user_id],
    }

    status, channel = await request(chat, "POST", body=body)
    again, existing = await request(chat, "POST", body=body)
    other, refusal = await request(chat, "POST", body={**body, "name": "Olds"})
    message_id = await send(alice, channel_id)

    assert (201, 200, channel) == (status, again, existing)
    assert (409, "channel_exists") == (other, refusal["code"])
    assert channel == await bob.sees("channel.created") == await alice.sees("channel.created")
    assert [message_id] == await received(bob)
    assert 1 == bob.events.count("channel.created")
    assert not await carol.has_seen("channel.created")
    assert await member(chat, "DELETE", channel_id, "bob")


async def test_nothing_is_left_when_a_channel_is_deleted(chat: Chat) -> None:
    """The channel's members are notified once, and are members no longer."""
    alice, bob, dave = [await chat.client(name) for name in ("alice", "bob", "dave")]
    await send(alice, chat.general)

    status, answer = await request(chat, "DELETE", chat.general)
    repeated = await request(chat, "DELETE", chat.general)

    deleted = {"channelId": chat.general}
    assert ((200, deleted), (200, deleted)) == ((status, answer), repeated)
    for client in (alice, bob):
        assert deleted == await client.sees("channel.deleted")
        answer = await client.ask("sendMessage", {"channelId": chat.general, "content": "hi"})
        assert "not_a_member" == answer["code"]
        assert 1 == client.events.count("channel.deleted")
    assert {"count": 0, "channels": {}} == (await bob.ask("message:getOfflineCount"))["data"]
    assert not await dave.has_seen("channel.deleted")


async def test_messages_are_published_when_a_deleted_channel_is_created_again(
    chat: Chat,
) -> None:
    """The sequences of the new channel start at 1."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    for _ in range(3):
        await send(alice, chat.general)
    await request(chat, "DELETE", chat.general)

    members = {"createdById": alice.user_id, "memberIds": [bob.user_id]}
    await request(chat, "POST", body={"id": chat.general, "name": "General", **members})
    message_id = await send(alice, chat.general)

    assert message_id == (await received(bob))[-1]
    assert 4 == len(await received(alice))


async def test_user_receives_messages_when_another_backend_has_added_them(chat: Chat) -> None:
    """The original backend adds a member by inserting a row."""
    alice, dave = await chat.client("alice"), await chat.client("dave")
    await send(alice, chat.general)

    write(
        chat,
        'INSERT INTO channel_members ("channelId", "userId") VALUES (?, ?)',
        chat.general,
        dave.user_id,
    )

    assert await receives(dave, alice, chat.general, until=True)


async def test_user_receives_nothing_more_when_another_backend_has_removed_them(
    chat: Chat,
) -> None:
    """After some seconds, the user receives neither messages nor typing indicators."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    assert await receives(bob, alice, chat.general, until=True)

    write(
        chat,
        'DELETE FROM channel_members WHERE "channelId" = ? AND "userId" = ?',
        chat.general,
        bob.user_id,
    )

    assert not await receives(bob, alice, chat.general, until=False)
    await alice.ask("typing", {"channelId": chat.general})
    assert not await bob.has_seen("typing")


async def test_user_is_not_notified_of_a_newcomer_when_another_backend_has_removed_them(
    chat: Chat,
) -> None:
    alice, bob = await chat.client("alice"), await chat.client("bob")
    write(
        chat,
        'DELETE FROM channel_members WHERE "channelId" = ? AND "userId" = ?',
        chat.general,
        bob.user_id,
    )

    await member(chat, "PUT", chat.general, "dave")

    assert chat.user_id("dave") == (await alice.sees("room:member:joined"))["userId"]
    assert not await bob.has_seen("room:member:joined")


async def test_connected_users_can_chat_when_the_command_has_seeded_a_channel(
    chat: Chat,
) -> None:
    alice, dave = await chat.client("alice"), await chat.client("dave")
    channel_id = f"seeded_{chat.general}"
    file = chat.server.folder / f"{channel_id}.json"
    members = (f'"{each.user_id}": ["{channel_id}"]' for each in (alice, dave))
    file.write_text(f"{{{', '.join(members)}}}")

    finished = await chat.server.command("seed", str(file))

    assert 0 == finished.code
    assert finished.out.endswith("A running server applies the change within seconds.\n")
    assert await receives(dave, alice, channel_id, until=True)

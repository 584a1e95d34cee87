from tests.e2e.chat_groups import Chat
from tests.e2e.js_client import JsClient


async def send(author: JsClient, channel_id: str, *contents: str) -> list[str]:
    """Send messages, and return their ids."""
    answers = [
        await author.ask("sendMessage", {"content": content, "channelId": channel_id})
        for content in contents
    ]
    return [answer["data"]["id"] for answer in answers]


async def test_offline_count_is_by_channel_when_messages_were_missed(chat: Chat) -> None:
    """A user who missed nothing gets 0."""
    alice = await chat.client("alice")
    await send(alice, chat.general, "one", "two")
    await send(alice, chat.random, "three")

    bob = await chat.client("bob")

    missed = {"count": 3, "channels": {chat.general: 2, chat.random: 1}}
    assert {"data": missed} == await bob.ask("message:getOfflineCount")
    assert {"data": {"count": 0, "channels": {}}} == await alice.ask("message:getOfflineCount")


async def test_offline_count_falls_when_a_message_is_acknowledged(chat: Chat) -> None:
    """A message is acknowledged by a report that it was delivered or seen."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    first, second = await send(alice, chat.general, "one", "two")

    await bob.ask("message:delivered", {"messageId": first})
    after_delivered = await bob.ask("message:getOfflineCount")
    await bob.ask("message:seen", {"messageId": second})
    after_seen = await bob.ask("message:getOfflineCount")

    assert {"data": {"count": 1, "channels": {chat.general: 1}}} == after_delivered
    assert {"data": {"count": 0, "channels": {}}} == after_seen


async def test_offline_messages_come_in_pages_when_there_are_more_than_the_limit(
    chat: Chat,
) -> None:
    """The oldest messages come first. A cursor stays valid when messages are acknowledged."""
    alice = await chat.client("alice")
    ids = await send(alice, chat.general, "one", "two", "three")
    bob = await chat.client("bob")

    first = (await bob.ask("message:getOffline", {"limit": 2}))["data"]
    for message in first["messages"]:
        await bob.ask("message:delivered", {"messageId": message["id"]})
    more = {"limit": 2, "cursor": first["nextCursor"]}
    second = (await bob.ask("message:getOffline", more))["data"]

    assert ids == [message["id"] for message in first["messages"] + second["messages"]]
    assert second["nextCursor"] is None


async def test_offline_messages_come_when_the_client_sends_no_payload(chat: Chat) -> None:
    """Every field of the payload is optional."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    ids = await send(alice, chat.general, "one")

    page = (await bob.ask("message:getOffline"))["data"]

    assert ids == [message["id"] for message in page["messages"]]


async def test_channel_messages_follow_a_sequence_when_the_client_names_it(
    chat: Chat,
) -> None:
    """The page includes delivered messages, and messages that the client's user has sent."""
    alice = await chat.client("alice")
    ids = await send(alice, chat.general, "one", "two", "three")

    page = (await alice.ask("message:getOffline", {"channelId": chat.general, "afterSeq": 1}))[
        "data"
    ]

    assert ids[1:] == [message["id"] for message in page["messages"]]
    assert [2, 3] == [message["seq"] for message in page["messages"]]
    assert page["nextCursor"] is None


async def test_offline_page_ends_at_its_size_when_the_messages_are_long(chat: Chat) -> None:
    """A page ends at 256 KiB, even if it has fewer messages than requested.

    The next page continues at the cursor.
    """
    alice = await chat.client("alice")
    ids = await send(alice, chat.general, *("ä" * 4000 for _ in range(40)))
    bob = await chat.client("bob")

    first = (await bob.ask("message:getOffline", {"limit": 100}))["data"]
    more = {"limit": 100, "cursor": first["nextCursor"]}
    second = (await bob.ask("message:getOffline", more))["data"]

    assert 0 < len(first["messages"]) < 40
    assert ids == [message["id"] for message in first["messages"] + second["messages"]]

from typing import Any

import pytest

from app.config.settings import Settings
from app.domain.ids import ChannelId, UserId
from app.services.channel_service import ChannelService
from app.services.event_service import EventService
from app.services.typing_service import TypingService
from tests.unit.gateways.chat import Chat, open_chat

GENERAL = ChannelId("general")
ALICE = UserId("user_alice")
NOW = "2026-01-31T09:30:00.000Z"


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


async def test_connect_joins_the_users_rooms_when_the_token_is_good(chat: Chat) -> None:
    """The client joins the user's room and the rooms of all the user's channels."""
    alice = await chat.connect("user_alice")

    assert alice.admitted
    assert {"user:user_alice", "channel:general", "channel:random"} == alice.link.joined
    assert chat.module.get(EventService).is_listening(GENERAL, ALICE)


@pytest.mark.parametrize("token", ["", "forged"])
async def test_connect_refuses_and_joins_nothing_when_the_token_is_bad(
    chat: Chat, token: str
) -> None:
    """The client receives ``error`` and is disconnected, and no hook of the gateway runs."""
    client = await chat.connect(token)

    assert not client.admitted
    assert ["error"] == [event for event, _ in client.link.emitted]
    assert (set(), False) == (client.link.joined, client.socket.connected)


async def test_connect_refuses_when_the_user_has_too_many_sockets() -> None:
    """After one socket has disconnected, the user can connect again."""
    chat = await open_chat(Settings.model_construct(database_url="memory:", max_sockets_per_user=1))
    first = await chat.connect("user_alice", "first")

    refused = await chat.connect("user_alice", "second")
    assert ["too_many_sockets"] == [args[0]["code"] for _, args in refused.link.emitted]
    await refused.leave()

    await first.leave()
    assert (await chat.connect("user_alice", "third")).admitted


async def test_disconnect_ends_what_the_socket_had_when_it_was_the_users_last(chat: Chat) -> None:
    """The socket's subscriptions end, and the channel is notified that the user stopped typing."""
    alice = await chat.connect("user_alice")
    await alice.call("typing", {"channelId": "general"})
    chat.broadcaster.published.clear()

    await alice.leave()

    assert not chat.module.get(EventService).is_listening(GENERAL, ALICE)
    assert [("channel:general", "typing")] == chat.published
    assert () == await chat.module.get(TypingService).list(ALICE, GENERAL)


async def test_disconnect_leaves_typing_alone_when_the_user_has_another_socket(chat: Chat) -> None:
    """Typing belongs to the user instead of to the socket."""
    phone = await chat.connect("user_alice", "phone")
    await chat.connect("user_alice", "laptop")
    await phone.call("typing", {"channelId": "general"})
    chat.broadcaster.published.clear()

    await phone.leave()

    assert [] == chat.published
    assert chat.module.get(EventService).is_listening(GENERAL, ALICE)


async def test_disconnect_forgets_the_session_when_the_socket_joined_nothing() -> None:
    """The socket quota is released even if the user has no channels."""
    chat = await open_chat(Settings.model_construct(database_url="memory:", max_sockets_per_user=1))
    dave = await chat.connect("user_dave")

    await dave.leave()

    assert (await chat.connect("user_dave")).admitted


async def test_disconnect_does_nothing_when_the_socket_was_refused(chat: Chat) -> None:
    refused = await chat.connect("forged")

    await refused.leave()

    assert [] == chat.published


async def test_send_message_acks_the_message_when_it_is_stored(chat: Chat) -> None:
    """The ack has the documented fields, and the channel receives the message."""
    alice = await chat.connect("user_alice")

    answer = await alice.call(
        "sendMessage", {"content": " hello ", "channelId": "general", "userId": "user_bob"}
    )

    message = answer["data"]
    assert {
        "id": message["id"],
        "content": "hello",
        "channelId": "general",
        "userId": "user_alice",
        "createdAt": NOW,
        "updatedAt": NOW,
        "deliveryStatus": "SENT",
        "user": {"id": "user_alice", "name": "Alice", "imageUrl": None},
        "seq": 1,
    } == message
    assert [("channel:general", "message.created")] == chat.published


@pytest.mark.parametrize("alias", ["clientMessageId", "tempId"])
async def test_send_message_stores_once_when_the_clients_id_is_the_same(
    chat: Chat, alias: str
) -> None:
    """``clientMessageId`` and ``tempId`` have the same effect."""
    alice = await chat.connect("user_alice")
    payload = {"content": "hello", "channelId": "general", alias: "mine"}

    first, second = [await alice.call("sendMessage", payload) for _ in range(2)]

    assert first == second
    assert [("channel:general", "message.created")] == chat.published


@pytest.mark.parametrize("alias", ["clientMessageId", "tempId"])
async def test_send_message_is_refused_when_the_clients_id_was_used_before_the_reload(
    chat: Chat, alias: str
) -> None:
    """Frontends that count from 1 after each page load must not lose messages silently."""
    alice = await chat.connect("user_alice")
    payload = {"content": "hello", "channelId": "general", alias: "1"}
    await alice.call("sendMessage", payload)

    answer = await alice.call("sendMessage", {**payload, "content": "other"})

    assert ("client_message_id_reused", False) == (answer["code"], answer["temporary"])
    assert [("channel:general", "message.created")] == chat.published


async def test_update_message_acks_the_new_content_when_it_is_the_authors(chat: Chat) -> None:
    """The channel receives the update."""
    message = await sent(chat)
    alice = await chat.connect("user_alice")

    answer = await alice.call("updateMessage", {"messageId": message["id"], "content": "new"})

    assert {**message, "content": "new"} == answer["data"]
    assert [("channel:general", "message.updated")] == chat.published


async def test_delete_message_acks_its_id_when_it_is_the_authors(chat: Chat) -> None:
    """The ack has only the message's id. The channel receives the deletion."""
    message = await sent(chat)
    alice = await chat.connect("user_alice")

    answer = await alice.call("deleteMessage", {"messageId": message["id"]})

    assert {"data": {"messageId": message["id"]}} == answer
    assert [("channel:general", "message.deleted")] == chat.published


@pytest.mark.parametrize(
    ("event", "status"), [("message:delivered", "DELIVERED"), ("message:seen", "READ")]
)
async def test_delivery_events_tell_the_author_when_they_change_something(
    chat: Chat, event: str, status: str
) -> None:
    """A repeated report is acked, but not published again."""
    message = await sent(chat)
    bob = await chat.connect("user_bob")

    answers = [await bob.call(event, {"messageId": message["id"]}) for _ in range(2)]

    delivery = {
        "messageId": message["id"],
        "recipientId": "user_bob",
        "status": status,
        "timestamp": NOW,
    }
    assert [{"data": delivery}] * 2 == answers
    assert [("user:user_alice", event)] == chat.published


@pytest.mark.parametrize(
    ("event", "status"), [("message:delivered", "DELIVERED"), ("message:seen", "READ")]
)
async def test_delivery_events_ack_a_list_when_several_messages_are_reported(
    chat: Chat, event: str, status: str
) -> None:
    """The author is notified of each message, and the ack lists rejected ones in ``refused``."""
    first, second = [(await sent(chat))["id"] for _ in range(2)]
    bob = await chat.connect("user_bob")

    whole = await bob.call(event, {"messageIds": [second, first]})
    partly = await bob.call(event, {"messageIds": [first, "gone"]})

    statuses = [
        {"messageId": each, "recipientId": "user_bob", "status": status, "timestamp": NOW}
        for each in (second, first)
    ]
    refused = {
        "messageId": "gone",
        "error": "There is no such message.",
        "code": "message_not_found",
    }
    assert {"data": statuses} == whole
    assert {"data": statuses[1:], "refused": [refused]} == partly
    assert [("user:user_alice", event)] * 2 == chat.published


async def test_events_go_on_when_a_page_of_missed_messages_was_reported(chat: Chat) -> None:
    """Receipts have their own limit: 150 of them do not use up the limit for other events."""
    alice, bob = await chat.connect("user_alice", "a"), await chat.connect("user_bob", "b")
    payload = {"content": "hello", "channelId": "general"}
    ids = [(await alice.call("sendMessage", payload))["data"]["id"] for _ in range(50)]

    receipts = [
        await bob.call(event, {"messageId": each})
        for event in ("message:delivered", "message:seen", "message:seen")
        for each in ids
    ]
    lists = [await bob.call("message:seen", {"messageIds": ids * 2}) for _ in range(3)]

    assert all("data" in each for each in [*receipts, *lists])
    assert "data" in await bob.call("sendMessage", payload)
    refused = await bob.call("message:seen", {"messageIds": ids * 2})
    assert ("rate_limited", pytest.approx(500, abs=1)) == (
        refused["code"],
        refused["retryAfterMs"],
    )


async def test_get_status_acks_each_recipient_when_somebody_asks(chat: Chat) -> None:
    message = await sent(chat)
    alice = await chat.connect("user_alice")

    answer = await alice.call("message:getStatus", {"messageId": message["id"]})

    assert [("user_bob", "SENT")] == [
        (each["recipientId"], each["status"]) for each in answer["data"]
    ]


async def test_get_status_acks_a_page_with_counts_when_there_are_more_recipients(
    chat: Chat,
) -> None:
    """The documented ``data`` stays unchanged; the cursor and the counts are additional fields."""
    carol = {UserId("user_carol"): (ChannelId("general"),)}
    await chat.module.get(ChannelService).seed(carol)
    message = await sent(chat)
    alice = await chat.connect("user_alice")
    asked = {"messageId": message["id"], "limit": 1}

    first = await alice.call("message:getStatus", asked)
    last = await alice.call("message:getStatus", {**asked, "cursor": first["nextCursor"]})

    counts = {"SENT": 2, "DELIVERED": 0, "READ": 0}
    assert ["data", "nextCursor", "counts"] == list(first)
    assert ["user_bob", "user_carol"] == [
        each["recipientId"] for page in (first, last) for each in page["data"]
    ]
    assert (counts, counts, None) == (first["counts"], last["counts"], last["nextCursor"])


async def test_typing_events_ack_the_indicator_when_a_member_types(chat: Chat) -> None:
    """The start and the end of typing are published to all other sockets in the channel."""
    alice = await chat.connect("user_alice")
    channel = {"channelId": "general"}
    indicator = {"userId": "user_alice", "channelId": "general", "timestamp": NOW}

    started = await alice.call("typing", channel)
    listed = await alice.call("typing:get", channel)
    stopped = await alice.call("typing:stop", channel)

    assert {"data": {**indicator, "isTyping": True}} == started
    assert {"data": [{**indicator, "isTyping": True}]} == listed
    assert {"data": {**indicator, "isTyping": False}} == stopped
    assert ["socket-1", "socket-1"] == [each.except_socket for each in chat.broadcaster.published]


async def test_offline_events_ack_what_was_missed_when_a_member_returns(chat: Chat) -> None:
    """One ack has the number of missed messages, the other has the messages, oldest first."""
    message = await sent(chat)
    bob = await chat.connect("user_bob")

    count = await bob.call("message:getOfflineCount")
    page = await bob.call("message:getOffline")
    since = await bob.call("message:getOffline", {"channelId": "general", "afterSeq": 1})

    assert {"data": {"count": 1, "channels": {"general": 1}}} == count
    assert {"data": {"messages": [message], "nextCursor": None}} == page
    assert {"data": {"messages": [], "nextCursor": None}} == since

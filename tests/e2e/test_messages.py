from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import A_DATE, a_message, an_error


async def test_send_message_reaches_the_channel_when_a_member_sends(chat: Chat) -> None:
    """The ack and each ``message.created`` contain the documented Message."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]

    answer = await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert {"data": a_message(alice, chat.general, "hello")} == answer
    for client in (alice, bob, carol):
        assert answer["data"] == await client.sees("message.created")


async def test_send_message_stays_in_the_channel_when_others_are_connected(chat: Chat) -> None:
    """Only members of the channel receive the message."""
    alice, dave = await chat.client("alice"), await chat.client("dave")

    await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert not await dave.has_seen("message.created")


async def test_send_message_needs_no_ack_when_the_client_asks_for_none(chat: Chat) -> None:
    """As in the design document, a client may emit without an ack and listen for the message."""
    alice, bob = await chat.client("alice"), await chat.client("bob")

    alice.emit("sendMessage", {"content": "hello", "channelId": chat.general})

    assert a_message(alice, chat.general, "hello") == await bob.sees("message.created")


async def test_send_message_is_received_before_its_ack_when_the_sender_listens(
    chat: Chat,
) -> None:
    """As in Node, the sending socket receives ``message.created`` before the ack."""
    alice = await chat.client("alice")

    await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert ["connect", "message.created", "ack"] == alice.events


async def test_send_message_reaches_the_senders_other_socket_when_there_are_two(chat: Chat) -> None:
    phone, laptop = await chat.client("alice"), await chat.client("alice")

    answer = await phone.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert answer["data"] == await laptop.sees("message.created")


async def test_send_message_is_refused_when_the_sender_is_no_member(chat: Chat) -> None:
    """The channel's members do not receive the message."""
    alice, dave = await chat.client("alice"), await chat.client("dave")

    answer = await dave.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert an_error("not_a_member") == answer
    assert not await alice.has_seen("message.created")


async def test_send_message_takes_the_identity_from_the_token_when_the_payload_has_one(
    chat: Chat,
) -> None:
    """The server ignores user ids, authors and message ids in the payload."""
    alice = await chat.client("alice")
    pretended = {
        "userId": chat.user_id("bob"),
        "user": {"id": chat.user_id("bob")},
        "id": "mine",
        "content": "hello",
        "channelId": chat.general,
    }

    answer = await alice.ask("sendMessage", pretended)

    assert {"data": a_message(alice, chat.general, "hello")} == answer
    assert "mine" != answer["data"]["id"]


async def test_send_message_trims_the_content_when_it_has_white_space_around(chat: Chat) -> None:
    """White space within the content is kept, and so are non-ASCII characters and HTML."""
    alice = await chat.client("alice")
    content = "  grüße \n 👩‍👩‍👧 \u2028 <b>  "

    answer = await alice.ask("sendMessage", {"content": content, "channelId": chat.general})

    assert "grüße \n 👩‍👩‍👧 \u2028 <b>" == answer["data"]["content"]


async def test_send_message_stores_once_when_it_is_sent_again(chat: Chat) -> None:
    """Both requests return the same Message, which is published once."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    wanted = {"content": "hello", "channelId": chat.general, "clientMessageId": "c-1"}

    first = await alice.ask("sendMessage", wanted)
    second = await alice.ask("sendMessage", wanted)

    assert first == second
    assert await bob.has_seen("message.created")
    assert 1 == bob.events.count("message.created")


async def test_send_message_understands_temp_id_when_the_frontend_says_so(chat: Chat) -> None:
    """The existing frontend sends ``tempId`` instead of ``clientMessageId``."""
    alice = await chat.client("alice")
    wanted = {"content": "hello", "channelId": chat.general}

    first = await alice.ask("sendMessage", {**wanted, "tempId": "c-1"})
    second = await alice.ask("sendMessage", {**wanted, "clientMessageId": "c-1"})

    assert first == second


async def test_send_message_is_another_when_another_user_has_the_same_client_id(
    chat: Chat,
) -> None:
    alice, bob = await chat.client("alice"), await chat.client("bob")
    wanted = {"content": "hello", "channelId": chat.general, "clientMessageId": "c-1"}

    first = await alice.ask("sendMessage", wanted)
    second = await bob.ask("sendMessage", wanted)

    assert first["data"]["id"] != second["data"]["id"]


async def test_send_message_is_refused_when_it_was_deleted_meanwhile(chat: Chat) -> None:
    """Sending a message again does not restore it after its deletion."""
    alice = await chat.client("alice")
    wanted = {"content": "hello", "channelId": chat.general, "clientMessageId": "c-1"}
    sent = await alice.ask("sendMessage", wanted)
    await alice.ask("deleteMessage", {"messageId": sent["data"]["id"]})

    answer = await alice.ask("sendMessage", wanted)

    assert an_error("message_deleted") == answer


async def test_messages_come_in_one_order_when_many_send_at_once(chat: Chat) -> None:
    """Every member receives the channel's messages in the order of storing."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]

    for index in range(20):
        for client in (alice, bob):
            client.emit("sendMessage", {"content": f"{index}", "channelId": chat.general})
    seen = [
        [(await client.sees("message.created"))["seq"] for _ in range(40)]
        for client in (alice, bob, carol)
    ]

    assert [list(range(1, 41))] * 3 == seen


async def test_update_message_reaches_the_channel_when_the_author_updates(chat: Chat) -> None:
    """The published message has the new content, and the original's id and sequence."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    sent = await alice.ask("sendMessage", {"content": "helo", "channelId": chat.general})
    change = {"messageId": sent["data"]["id"], "content": " hello "}

    answer = await alice.ask("updateMessage", change)

    assert {"data": {**sent["data"], "content": "hello", "updatedAt": A_DATE}} == answer
    assert answer["data"] == await bob.sees("message.updated")
    assert ["connect", "message.created", "ack", "message.updated", "ack"] == alice.events


async def test_delete_message_reaches_the_channel_when_the_author_deletes(chat: Chat) -> None:
    """The ack has only the message's id; the event also has the channel's id."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    sent = await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})
    message_id = sent["data"]["id"]

    answer = await alice.ask("deleteMessage", {"messageId": message_id})

    assert {"data": {"messageId": message_id}} == answer
    deletion = {"messageId": message_id, "channelId": chat.general}
    assert deletion == await bob.sees("message.deleted")


async def test_message_is_not_found_when_it_was_deleted(chat: Chat) -> None:
    alice = await chat.client("alice")
    sent = await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})
    message_id = sent["data"]["id"]
    await alice.ask("deleteMessage", {"messageId": message_id})

    updated = await alice.ask("updateMessage", {"messageId": message_id, "content": "again"})
    deleted = await alice.ask("deleteMessage", {"messageId": message_id})

    assert an_error("message_not_found") == updated == deleted

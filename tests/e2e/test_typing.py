from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import an_indicator


async def test_typing_reaches_all_but_the_sending_socket_when_a_member_types(chat: Chat) -> None:
    """The typing user's other socket receives the event; a user outside the channel does not."""
    phone, laptop = await chat.client("alice"), await chat.client("alice")
    bob, dave = await chat.client("bob"), await chat.client("dave")

    answer = await phone.ask("typing", {"channelId": chat.general})

    indicator = an_indicator(phone, chat.general, is_typing=True)
    assert {"data": indicator} == answer
    assert indicator == await bob.sees("typing")
    assert indicator == await laptop.sees("typing")
    assert not await phone.has_seen("typing")
    assert not await dave.has_seen("typing")


async def test_typing_stop_reaches_all_but_the_sending_socket_when_one_was_typing(
    chat: Chat,
) -> None:
    """The event has ``isTyping: false``."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    await alice.ask("typing", {"channelId": chat.general})
    await bob.sees("typing")

    answer = await alice.ask("typing:stop", {"channelId": chat.general})

    indicator = an_indicator(alice, chat.general, is_typing=False)
    assert {"data": indicator} == answer
    assert indicator == await bob.sees("typing")
    assert not await alice.has_seen("typing")


async def test_typing_stop_is_not_published_when_nobody_was_typing(chat: Chat) -> None:
    """The ack is the same as for a real stop."""
    alice, bob = await chat.client("alice"), await chat.client("bob")

    answer = await alice.ask("typing:stop", {"channelId": chat.general})

    assert {"data": an_indicator(alice, chat.general, is_typing=False)} == answer
    assert not await bob.has_seen("typing")


async def test_typing_get_lists_who_types_when_a_member_asks(chat: Chat) -> None:
    """Users who type in other channels are left out."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]
    await alice.ask("typing", {"channelId": chat.general})
    await bob.ask("typing", {"channelId": chat.random})

    answer = await carol.ask("typing:get", {"channelId": chat.general})

    assert {"data": [an_indicator(alice, chat.general, is_typing=True)]} == answer


async def test_typing_ends_before_the_message_when_the_typist_sends(chat: Chat) -> None:
    """The whole channel, including the sender, is notified once."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    await alice.ask("typing", {"channelId": chat.general})

    await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    await bob.sees("message.created")
    assert ["connect", "typing", "typing", "message.created"] == bob.events
    assert ["connect", "ack", "typing", "message.created", "ack"] == alice.events
    assert not bob.log[2].first["isTyping"]


async def test_typing_ends_when_the_last_socket_disconnects(chat: Chat) -> None:
    """Typing continues while the user has another socket."""
    phone, laptop = await chat.client("alice"), await chat.client("alice")
    bob = await chat.client("bob")
    await phone.ask("typing", {"channelId": chat.general})
    await bob.sees("typing")

    phone.disconnect()
    await phone.sees("disconnect")
    still = await laptop.ask("typing:get", {"channelId": chat.general})
    laptop.disconnect()

    assert {"data": [an_indicator(phone, chat.general, is_typing=True)]} == still
    assert an_indicator(phone, chat.general, is_typing=False) == await bob.sees("typing")
    assert 2 == bob.events.count("typing")

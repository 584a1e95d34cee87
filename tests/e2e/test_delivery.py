from typing import Any

import pytest

from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import A_TEXT, a_status, an_error
from tests.e2e.js_client import JsClient


async def sent_by(author: JsClient, channel_id: str) -> dict[str, Any]:
    """Send a message as the author, and return the message."""
    answer = await author.ask("sendMessage", {"content": "hello", "channelId": channel_id})
    message: dict[str, Any] = answer["data"]
    return message


@pytest.mark.parametrize(
    ("event", "status"), [("message:delivered", "DELIVERED"), ("message:seen", "READ")]
)
async def test_status_reaches_the_author_when_a_recipient_reports(
    chat: Chat, event: str, status: str
) -> None:
    """All sockets of the author receive the status, and no others do."""
    phone, laptop = await chat.client("alice"), await chat.client("alice")
    bob, carol = await chat.client("bob"), await chat.client("carol")
    message = await sent_by(phone, chat.general)

    answer = await bob.ask(event, {"messageId": message["id"]})

    assert {"data": a_status(message, bob, status)} == answer
    assert answer["data"] == await phone.sees(event)
    assert answer["data"] == await laptop.sees(event)
    assert not await carol.has_seen(event)
    assert not await bob.has_seen(event)


@pytest.mark.parametrize("event", ["message:delivered", "message:seen"])
async def test_status_is_published_once_when_a_recipient_repeats_itself(
    chat: Chat, event: str
) -> None:
    """The author is notified of the first report only."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    message = await sent_by(alice, chat.general)

    first = await bob.ask(event, {"messageId": message["id"]})
    second = await bob.ask(event, {"messageId": message["id"]})

    assert first == second
    assert await alice.has_seen(event)
    assert 1 == alice.events.count(event)


async def test_statuses_reach_the_author_when_a_recipient_reports_a_list(chat: Chat) -> None:
    """A deleted message in the list does not prevent reports of the other messages."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    first, second, gone = [await sent_by(alice, chat.general) for _ in range(3)]
    await alice.ask("deleteMessage", {"messageId": gone["id"]})

    answer = await bob.ask(
        "message:delivered", {"messageIds": [first["id"], gone["id"], second["id"]]}
    )

    assert {
        "data": [a_status(each, bob, "DELIVERED") for each in (first, second)],
        "refused": [
            {"messageId": gone["id"], "error": A_TEXT, "code": "message_not_found"},
        ],
    } == answer
    assert answer["data"] == [await alice.sees("message:delivered") for _ in range(2)]


async def test_status_never_goes_back_when_delivered_comes_after_seen(chat: Chat) -> None:
    """The status stays READ, and the author receives nothing."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    message = await sent_by(alice, chat.general)
    await bob.ask("message:seen", {"messageId": message["id"]})

    answer = await bob.ask("message:delivered", {"messageId": message["id"]})

    assert {"data": a_status(message, bob, "READ")} == answer
    assert not await alice.has_seen("message:delivered")


async def test_get_status_lists_every_recipient_when_a_member_asks(chat: Chat) -> None:
    """The list includes recipients who have not reported anything."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]
    message = await sent_by(alice, chat.general)
    await carol.ask("message:seen", {"messageId": message["id"]})

    answer = await alice.ask("message:getStatus", {"messageId": message["id"]})

    pending, read = a_status(message, bob, "SENT"), a_status(message, carol, "READ")
    assert {"data": [pending, read]} == answer


@pytest.mark.parametrize(
    ("event", "status"), [("message:delivered", "DELIVERED"), ("message:seen", "READ")]
)
async def test_delivery_status_of_a_message_follows_when_every_recipient_reported(
    chat: Chat, event: str, status: str
) -> None:
    """The status of a message is that of the recipient who is furthest behind."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]
    message = await sent_by(alice, chat.general)
    change = {"messageId": message["id"], "content": "hello!"}

    await bob.ask(event, {"messageId": message["id"]})
    after_one = await alice.ask("updateMessage", change)
    await carol.ask(event, {"messageId": message["id"]})
    after_all = await alice.ask("updateMessage", change)

    assert "SENT" == after_one["data"]["deliveryStatus"]
    assert status == after_all["data"]["deliveryStatus"]


async def test_message_stays_sent_when_the_channel_has_no_other_member(chat: Chat) -> None:
    erin = await chat.client("erin")

    message = await sent_by(erin, chat.quiet)

    assert "SENT" == message["deliveryStatus"]
    assert {"data": []} == await erin.ask("message:getStatus", {"messageId": message["id"]})


@pytest.mark.parametrize("event", ["updateMessage", "message:getStatus"])
@pytest.mark.parametrize("exists", [True, False])
async def test_message_is_not_found_when_it_is_of_a_foreign_channel(
    chat: Chat, event: str, *, exists: bool
) -> None:
    """The answer does not reveal whether the message exists."""
    alice, dave = await chat.client("alice"), await chat.client("dave")
    message = await sent_by(alice, chat.general)
    message_id = message["id"] if exists else "no-such-message"

    answer = await dave.ask(event, {"messageId": message_id, "content": "mine"})

    assert an_error("message_not_found") | {"error": "There is no such message."} == answer

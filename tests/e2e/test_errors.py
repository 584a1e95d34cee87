import pytest

from tests.e2e.chat_groups import Chat
from tests.e2e.expected_payloads import A_TEXT, an_error


@pytest.mark.parametrize(
    ("payload", "paths"),
    [
        (None, {"content", "channelId"}),
        ({"content": " \n ", "channelId": "general"}, {"content"}),
        ({"content": "x" * 4001, "channelId": "general"}, {"content"}),
        ({"content": "hello", "channelId": "general", "clientMessageId": 7}, {"clientMessageId"}),
    ],
)
async def test_send_message_names_the_fields_when_the_payload_is_wrong(
    chat: Chat, payload: object, paths: set[str]
) -> None:
    """The error has the path of each invalid field, with a message."""
    alice = await chat.client("alice")

    answer = await alice.ask("sendMessage", payload)

    assert an_error("invalid_payload", fields=answer["fields"]) == answer
    assert paths == {field["path"] for field in answer["fields"]}
    assert all(field["message"] for field in answer["fields"])


async def test_error_comes_as_exception_when_no_ack_was_asked_for(chat: Chat) -> None:
    """The event ``exception`` contains the cause; ``error`` is for authentication errors only."""
    dave = await chat.client("dave")
    payload = {"content": "hello", "channelId": chat.general}

    dave.emit("sendMessage", payload)

    assert {
        "status": "error",
        "message": A_TEXT,
        "code": "not_a_member",
        "cause": {"pattern": "sendMessage", "data": payload},
    } == await dave.sees("exception")
    assert "error" not in dave.events


async def test_error_comes_in_the_ack_only_when_one_was_asked_for(chat: Chat) -> None:
    dave = await chat.client("dave")

    await dave.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert not await dave.has_seen("exception")


async def test_invalid_payload_lists_its_fields_when_no_ack_was_asked_for(chat: Chat) -> None:
    alice = await chat.client("alice")

    alice.emit("typing", {})

    error = await alice.sees("exception")
    assert "invalid_payload" == error["code"]
    assert ["channelId"] == [field["path"] for field in error["fields"]]
    assert {"pattern": "typing", "data": {}} == error["cause"]


async def test_unknown_event_is_answered_when_an_ack_was_asked_for(chat: Chat) -> None:
    """The error's text contains the most similar event name."""
    alice = await chat.client("alice")

    answer = await alice.ask("sendMesage", {"content": "hello"})

    assert an_error("unknown_event") == answer
    assert "sendMessage" in answer["error"]


async def test_unknown_event_is_answered_when_no_ack_was_asked_for(chat: Chat) -> None:
    """The event ``exception`` contains the most similar event name."""
    alice = await chat.client("alice")

    alice.emit("typing:start", {"channelId": chat.general})

    error = await alice.sees("exception")
    assert "unknown_event" == error["code"]
    assert "typing:st" in error["message"]
    assert {"pattern": "typing:start", "data": {"channelId": chat.general}} == error["cause"]


async def test_unknown_fields_are_ignored_when_a_payload_has_them(chat: Chat) -> None:
    """Nest's ValidationPipe does the same by default."""
    alice = await chat.client("alice")
    payload = {"content": "hello", "channelId": chat.general, "attachments": [], "__proto__": 1}

    answer = await alice.ask("sendMessage", payload)

    assert "hello" == answer["data"]["content"]


async def test_socket_lives_on_when_its_events_were_refused(chat: Chat) -> None:
    dave = await chat.client("dave")

    await dave.ask("sendMessage", {"content": "hello", "channelId": chat.general})
    answer = await dave.ask("sendMessage", {"content": "hello", "channelId": chat.private})

    assert "hello" == answer["data"]["content"]
    assert "disconnect" not in dave.events

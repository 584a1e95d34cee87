"""Tests of the messages of the sharded adapter (app/framework/redis_adapter/messages.py)."""

import json
from datetime import UTC, datetime

import msgpack
import pytest

from app.framework.redis_adapter.messages import Message, MessageType
from app.framework.redis_adapter.payload import (
    MAX_PAYLOAD_BYTES,
    MalformedMessageError,
    event_packet,
    options_of,
    selection_of,
)
from app.framework.websockets.socket_api.cluster_adapter import Selection


def broadcast(*args: object) -> Message:
    """Return a broadcast to one room."""
    selection = Selection(frozenset({"team"}), frozenset({"muted"}))
    data = {"packet": event_packet("/", "hello", args), "opts": options_of(selection)}
    return Message("uid-1", "/", MessageType.BROADCAST, data)


def test_message_is_the_json_of_node_when_it_has_no_bytes() -> None:
    encoded = broadcast({"at": datetime(2026, 1, 2, tzinfo=UTC)}).encode()

    assert {
        "uid": "uid-1",
        "nsp": "/",
        "type": 3,
        "data": {
            "packet": {
                "type": 2,
                "data": ["hello", {"at": "2026-01-02T00:00:00.000Z"}],
                "nsp": "/",
            },
            "opts": {"rooms": ["team"], "except": ["muted"], "flags": {}},
        },
    } == json.loads(encoded)


def test_selection_is_the_same_when_it_was_sent() -> None:
    message = Message.decode(broadcast(b"\x00").encode())

    assert Selection(frozenset({"team"}), frozenset({"muted"})) == selection_of(
        message.data["opts"]
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xc1",
        msgpack.packb("text"),
        msgpack.packb({"uid": "x", "nsp": "/"}),
        b'{"uid":"x","nsp":"/","type":"3"}',
        b'{"uid":"x","nsp":"/","type":3,"data":[1]}',
        b'{"uid":"x","nsp":"/","type":3,"data":' + b"[" * 100 + b"]" * 100 + b"}",
        b"{" + b" " * MAX_PAYLOAD_BYTES,
    ],
)
def test_message_is_refused_when_it_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        Message.decode(raw)

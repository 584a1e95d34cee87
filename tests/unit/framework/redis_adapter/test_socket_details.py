"""Tests of the JSON of sockets (app/framework/redis_adapter/socket_details.py)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.framework import Socket
from app.framework.redis_adapter.payload import MalformedMessageError
from app.framework.redis_adapter.socket_details import details_of, remote_sockets
from app.framework.testing import RecordingLink
from app.framework.websockets.socket import Handshake


def test_no_credentials_are_sent_when_a_handshake_contains_them() -> None:
    """Applications invent names for headers and parameters with tokens."""
    names = ("authorization", "cookie", "x-api-key", "x-auth-token", "x-forwarded-access-token")
    handshake = Handshake(
        auth={"token": "secret"},
        headers={"host": "a.example", "origin": "b", **dict.fromkeys(names, "secret")},
        query={"token": "secret"},
        address="127.0.0.1",
        issued=datetime(2026, 1, 2, tzinfo=UTC),
    )

    details = details_of(Socket("id", handshake, RecordingLink()))

    assert "secret" not in str(details)
    assert {"host": "a.example", "origin": "b"} == details["handshake"]["headers"]
    assert "/socket.io/" == details["handshake"]["url"]


@pytest.mark.parametrize(
    "handshake",
    [{}, {"issued": 10**18, "address": None, "headers": 1}, {"issued": -(10**30), "url": ["x"]}],
)
def test_fields_have_defaults_when_another_node_does_not_send_them(
    handshake: dict[str, Any],
) -> None:
    details = {"id": "x", "handshake": handshake, "rooms": ["x", 42, []]}

    (socket,) = remote_sockets(RecordingLink(), [details])

    assert "" == socket.handshake.address == socket.handshake.path
    assert datetime(1970, 1, 1, tzinfo=UTC) == socket.handshake.issued
    assert {"x"} == socket.rooms


@pytest.mark.parametrize("details", [None, [1], [{"id": "x", "rooms": []}]])
def test_answer_is_refused_when_a_socket_has_no_id_rooms_or_handshake(details: object) -> None:
    """Leaving the socket out would make the result incomplete without an error."""
    with pytest.raises(MalformedMessageError):
        list(remote_sockets(RecordingLink(), details))

"""Tests of requests of other nodes (app/framework/redis_adapter/local_sockets.py)."""

import asyncio
from typing import Any

import pytest

from app.framework import Socket
from app.framework.redis_adapter.local_sockets import LocalSockets
from app.framework.redis_adapter.payload import event_packet
from app.framework.testing import RecordingLink, fake_socket
from tests.deadlines import ANSWER_SECONDS

EVERYWHERE: dict[str, list[str]] = {"rooms": [], "except": []}


async def test_acks_are_expected_of_connected_sockets_only_when_others_are_connecting() -> None:
    hub, admitted, connecting = RecordingLink(), RecordingLink(), RecordingLink()
    connecting.can_ack = False
    admitted.acks.append("yes")
    hub.present += [fake_socket(Socket, link=link) for link in (admitted, connecting)]
    counts: list[int] = []
    acks: asyncio.Queue[Any] = asyncio.Queue()

    LocalSockets(hub).emit_with_acks(
        event_packet("/", "ready", ()), EVERYWHERE, counts.append, acks.put_nowait
    )

    async with asyncio.timeout(ANSWER_SECONDS):
        assert "yes" == await acks.get()
    assert [1] == counts


def test_listener_can_answer_again_when_its_first_answer_could_not_be_encoded() -> None:
    hub = RecordingLink()
    answers: list[str] = []

    def answer(value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError
        answers.append(value)

    def listener(ack: Any) -> None:
        with pytest.raises(TypeError):
            ack(object())
        ack("one")
        ack("two")

    hub.server_events.add("question", listener, once=False)
    LocalSockets(hub).call_listeners(["question"], answer)

    assert ["one"] == answers

"""Tests of events of other servers (app/framework/websockets/socket_api/server_events.py)."""

import asyncio
from inspect import Parameter, Signature
from typing import Any

import pytest

from app.framework import Server
from app.framework.testing import RecordingLink
from app.framework.websockets.socket_api.server_events import Listener, ServerEvents


class Recorder:
    """A listener that counts how often its signature is read."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.inspections = 0

    def __call__(self, *args: Any) -> None:
        self.calls.append(args)

    @property
    def __signature__(self) -> Signature:
        self.inspections += 1
        return Signature([Parameter("text", Parameter.POSITIONAL_OR_KEYWORD)])


def test_signature_is_read_once_when_many_events_arrive() -> None:
    events, recorder = ServerEvents(), Recorder()
    events.add("news", recorder, once=False)
    added = recorder.inspections

    for _ in range(3):
        events.call("news", ("one", "two"))

    assert [("one",)] * 3 == recorder.calls
    assert added == recorder.inspections


@pytest.mark.parametrize(
    ("listener_of", "expected"),
    [
        (lambda seen: lambda: seen.append(()), ()),
        (lambda seen: lambda one: seen.append((one,)), (1,)),
        (lambda seen: lambda one, /, two=0: seen.append((one, two)), (1, 2)),
        (lambda seen: lambda *args: seen.append(args), (1, 2, 3)),
        (lambda seen: lambda one, *, key=0: seen.append((one, key)), (1, 0)),
    ],
)
def test_arguments_are_dropped_when_the_listener_takes_fewer(
    listener_of: Any, expected: tuple[int, ...]
) -> None:
    seen: list[tuple[int, ...]] = []
    listener: Listener = listener_of(seen)
    events = ServerEvents()
    events.add("news", listener, once=False)

    events.call("news", (1, 2, 3))

    assert [expected] == seen


@pytest.mark.parametrize("event", ["connect", "connection"])
def test_listener_for_connections_is_refused_with_the_hook_to_write(event: str) -> None:
    """Node calls such a listener for each new socket."""
    server = Server(RecordingLink())

    for add in (server.on, server.once):
        with pytest.raises(ValueError, match="write handle_connection in the gateway"):
            add(event, print)


async def test_event_of_other_servers_is_refused_when_its_name_is_reserved() -> None:
    server = Server(RecordingLink())

    with pytest.raises(ValueError, match="'connection' is a reserved event name"):
        server.server_side_emit("connection")
    with pytest.raises(ValueError, match="'new_namespace' is a reserved event name"):
        server.on("new_namespace", print)


async def test_async_listeners_have_ended_when_the_events_are_closed() -> None:
    """A listener may need several steps after its cancellation."""
    events = ServerEvents()
    steps: list[str] = []

    async def listener() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("ended")

    events.add("news", listener, once=False)
    events.call("news", ())
    await asyncio.sleep(0)

    await events.close()

    assert ["ended"] == steps

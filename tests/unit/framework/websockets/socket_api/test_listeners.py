from typing import Any

import pytest

from app.framework import Socket, WsException
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.socket_api.listeners import (
    DisconnectListener,
    Handlers,
    accepting,
    add_listener,
    remove_listener,
)


async def handle(handlers: Handlers, data: Any, link: RecordingLink | None = None) -> None:
    socket = fake_socket(Socket, link=link)
    await handlers["event"](socket, data, lambda *_: True)


async def test_listener_runs_after_the_gateways_handler_with_the_arguments_it_takes() -> None:
    """The gateway's table, which other sockets share, is unchanged."""
    log: list[Any] = []

    async def handler(_: Any, data: Any, __: Any) -> None:
        log.append(("handler", data))

    async def listener(data: Any) -> None:
        log.append(("listener", data))

    shared: Handlers = {"event": handler}
    handlers = add_listener(shared, "event", listener, once=False)
    handlers = add_listener(handlers, "event", lambda data, ack: log.append(ack(data)), once=False)
    await handle(handlers, 1)

    assert [("handler", 1), ("listener", 1), True] == log
    assert {"event": handler} == shared


async def test_listener_runs_once_when_it_was_added_for_one_event() -> None:
    log: list[Any] = []
    handlers = add_listener({}, "event", log.append, once=True)

    await handle(handlers, 1)
    await handle(handlers, 2)

    assert [1] == log


async def test_listener_is_removed_when_it_is_named_or_all_are() -> None:
    """Without listeners, the gateway's own handler is back in the table."""

    async def handler(*_: Any) -> None:
        """Do nothing, in place of the compiled handler of a gateway."""

    log: list[Any] = []
    other: list[Any] = []
    handlers = add_listener({"event": handler}, "event", log.append, once=False)
    handlers = add_listener(handlers, "event", other.append, once=False)

    handlers = remove_listener(handlers, "event", log.append)
    await handle(handlers, 1)
    without = remove_listener(handlers, "event", None)

    assert ([], [1]) == (log, other)
    assert {"event": handler} == without
    assert {} == remove_listener(add_listener({}, "event", print, once=False), "event", print)
    assert without is remove_listener(without, "event", print)


async def test_error_of_a_listener_is_an_exception_event_and_later_listeners_run() -> None:
    """The client has requested no ack, so the error is sent as an ``exception`` event."""
    link = RecordingLink()
    log: list[Any] = []

    def fail() -> None:
        raise WsException("no")

    handlers = add_listener({}, "event", fail, once=False)
    handlers = add_listener(handlers, "event", log.append, once=False)
    await handlers["event"](fake_socket(Socket, link=link), 1, None)

    assert [1] == log
    assert ["exception"] == [event for event, _ in link.emitted]


async def test_disconnect_listener_takes_the_reason_and_logs_its_error() -> None:
    log: list[str] = []

    def fail() -> None:
        raise ArithmeticError

    await DisconnectListener(log.append)(fake_socket(Socket), "transport close")
    await DisconnectListener(fail)(fake_socket(Socket), "transport close")

    assert ["transport close"] == log


def test_listener_is_refused_when_it_needs_more_arguments() -> None:
    """The error states the maximum number of arguments."""
    with pytest.raises(TypeError, match="a listener takes at most 2 arguments"):
        accepting(lambda one, two, three: (one, two, three), 2)


@pytest.mark.parametrize("event", ["connect", "connect_error"])
def test_listener_is_refused_when_no_client_can_send_the_event(event: str) -> None:
    with pytest.raises(ValueError, match=f"'{event}' is a reserved event name"):
        fake_socket(Socket).on(event, print)

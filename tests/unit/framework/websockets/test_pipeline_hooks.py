"""Tests app/framework/websockets/connections.py and app/framework/websockets/unknown_event.py."""

import asyncio

import pytest
from structlog.testing import capture_logs

from app.framework import (
    CanActivate,
    ExecutionContext,
    Socket,
    WsException,
    subscribe_message,
    use_filters,
    use_guards,
    web_socket_gateway,
)
from app.framework.websockets.connections import compile_disconnect
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.unknown_event import compile_unknown_event
from tests.unit.framework.driving import Driver
from tests.unit.framework.tracing import Trace, TracingFilter, TracingGuard


async def test_connect_admits_when_the_gateway_has_neither_guards_nor_hook() -> None:
    @web_socket_gateway()
    class _Gateway:
        pass

    assert await Driver(_Gateway()).connect()


async def test_connect_waits_for_the_hook_when_it_is_async() -> None:
    """Unlike Nest, the framework awaits `handle_connection` before it admits the socket."""
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        async def handle_connection(self, client: Socket) -> None:
            await asyncio.sleep(0)
            trace.append(client.id)

    admitted = await Driver(_Gateway()).connect()

    assert (True, ["socket-1"]) == (admitted, trace)


async def test_connect_runs_the_hook_when_it_is_a_plain_method() -> None:
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        def handle_connection(self, client: Socket) -> None:
            trace.append(client.id)

    admitted = await Driver(_Gateway()).connect()

    assert (True, ["socket-1"]) == (admitted, trace)


async def test_connect_refuses_without_the_hook_when_a_guard_refuses() -> None:
    """The filters send the guard's error to the client."""
    trace: Trace = []

    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "class", verdict=False))
    class _Gateway:
        async def handle_connection(self, client: Socket) -> None:
            raise AssertionError(client.id)

    driver = Driver(_Gateway())
    admitted = await driver.connect()

    assert not admitted
    assert [("exception", "handleConnection")] == [
        (event, args[0]["cause"]["pattern"]) for event, args in driver.emitted
    ]


@pytest.mark.parametrize("error", [WsException("no"), RuntimeError("bug")])
async def test_connect_refuses_when_the_hook_raises(error: Exception) -> None:
    """An error in the hook rejects the socket instead of ending the process."""

    @web_socket_gateway()
    class _Gateway:
        async def handle_connection(self, client: Socket) -> None:
            del client
            raise error

    assert not await Driver(_Gateway()).connect()


async def test_connect_is_refused_as_unavailable_when_the_hook_takes_too_long() -> None:
    """The hook is cancelled. The client may reconnect, because the error is temporary."""
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        async def handle_connection(self, client: Socket) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                trace.append(f"{client.id} cancelled")

    driver = Driver(_Gateway())
    admitted = await driver.connect(timeout_seconds=0.01)

    assert (False, ["socket-1 cancelled"]) == (admitted, trace)
    assert ["unavailable"] == [args[0]["code"] for _, args in driver.emitted]
    assert "answered" == driver.link.transport_closed


async def test_disconnect_tells_the_reason_when_the_gateway_has_the_hook() -> None:
    """As in Nest 12, the hook receives the client and the reason."""
    trace: list[tuple[str, str]] = []

    @web_socket_gateway()
    class _Gateway:
        async def handle_disconnect(self, client: Socket, reason: str) -> None:
            trace.append((client.id, reason))

    await Driver(_Gateway()).disconnect("transport close")

    assert [("socket-1", "transport close")] == trace


async def test_disconnect_runs_the_hook_when_it_is_a_plain_method() -> None:
    trace: Trace = []

    @web_socket_gateway()
    class _Gateway:
        def handle_disconnect(self, client: Socket, reason: str) -> None:
            trace.append(f"{client.id} {reason}")

    await Driver(_Gateway()).disconnect("ping timeout")

    assert ["socket-1 ping timeout"] == trace


async def test_disconnect_error_is_logged_when_the_hook_raises() -> None:
    """In Nest, an error in this hook ends the process."""

    @web_socket_gateway()
    class _Gateway:
        async def handle_disconnect(self, client: Socket, reason: str) -> None:
            raise RuntimeError(client.id, reason)

    with capture_logs() as logs:
        await Driver(_Gateway()).disconnect("transport close")

    assert ["handle_disconnect failed"] == [entry["event"] for entry in logs]


def test_disconnect_compiles_to_nothing_when_the_gateway_has_no_hook() -> None:
    """A gateway without the hook compiles to None, so the transport calls nothing."""

    @web_socket_gateway()
    class _Gateway:
        pass

    assert compile_disconnect(Driver(_Gateway()).definition) is None


def _chat(trace: Trace) -> Driver:
    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "class"))
    class _Gateway:
        @subscribe_message("sendMessage")
        def send_message(self) -> None: ...

        @subscribe_message("typing")
        def typing(self) -> None: ...

    return Driver(_Gateway(), Enhancers(guards=(TracingGuard(trace, "global"),)))


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ("sendMesage", "There is no such event. Did you mean 'sendMessage'?"),
        ("typping", "There is no such event. Did you mean 'typing'?"),
        ("nothing alike", "There is no such event."),
        ("", "There is no such event."),
    ],
)
async def test_unknown_event_names_the_nearest_when_there_is_one(event: str, sentence: str) -> None:
    """The answer suggests the nearest event name, and does not repeat the unknown one."""
    acked = await _chat([]).call_unknown(event)

    assert [{"error": sentence, "code": "unknown_event", "temporary": False}] == acked


async def test_unknown_event_is_no_connection_when_it_bears_its_name() -> None:
    """Guards and filters do not take an event named ``handleConnection`` for a connection."""
    seen: list[tuple[bool, str, str]] = []

    class _Looking(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            seen.append((context.is_connection, context.get_pattern(), context.log_name))
            return True

    @web_socket_gateway()
    @use_guards(_Looking())
    class _Gateway:
        pass

    driver = Driver(_Gateway())
    await driver.call_unknown("handleConnection")
    await driver.connect()

    assert [
        (False, "handleConnection", "(unknown)"),
        (True, "handleConnection", "handleConnection"),
    ] == seen


async def test_unknown_event_meets_the_guards_first_when_it_arrives() -> None:
    """Guards run first, so that a rejected client learns no event names."""
    trace: Trace = []

    await _chat(trace).call_unknown("what")

    assert ["guard global", "guard class"] == trace


async def test_unknown_event_is_forbidden_when_a_guard_refuses() -> None:
    """The client receives the guard's error, and learns no event names."""

    @web_socket_gateway()
    @use_guards(TracingGuard([], "class", verdict=False))
    class _Gateway:
        @subscribe_message("known")
        def on_known(self) -> None: ...

    acked = await Driver(_Gateway()).call_unknown("knwon")

    assert ["forbidden"] == [answer["code"] for answer in acked]


async def test_unknown_event_asks_filters_of_every_class_before_the_applications() -> None:
    """The filter of any gateway's class runs before the global filters."""
    trace: Trace = []

    class _Unhashable(TracingFilter):
        __hash__ = None  # type: ignore[assignment]

    application = Enhancers(filters=(_Unhashable(trace, "global"),))

    @web_socket_gateway()
    class _First:
        pass

    @web_socket_gateway()
    @use_filters(_Unhashable(trace, "class"))
    class _Second:
        pass

    first, second = Driver(_First(), application), Driver(_Second(), application)
    unknown = compile_unknown_event([first.definition, second.definition])
    await unknown(first.socket, "what", None, None)

    assert ["filter class WsUnknownEvent"] == trace


async def test_unknown_event_asks_a_shared_guard_once_when_gateways_share_it() -> None:
    """If two gateways of a namespace share a throttler, it counts the event once."""
    trace: Trace = []
    application = Enhancers(
        guards=(TracingGuard(trace, "global"),), filters=(TracingFilter(trace, "global"),)
    )

    @web_socket_gateway()
    class _First:
        pass

    @web_socket_gateway()
    class _Second:
        pass

    first, second = Driver(_First(), application), Driver(_Second(), application)
    unknown = compile_unknown_event([first.definition, second.definition])
    await unknown(first.socket, "what", None, None)

    assert ["guard global", "filter global WsUnknownEvent"] == trace

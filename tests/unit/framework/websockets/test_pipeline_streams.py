"""Tests handlers that are async generators (app/framework/websockets/pipeline.py)."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextvars import Context
from typing import Annotated, Any

from app.framework import (
    ConnectedSocket,
    Socket,
    WsException,
    WsResponse,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.common.context import ExecutionContext, current_context
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.driving import Driver


def streaming(*values: Any) -> Driver:
    """Create a gateway whose handler yields these values, and raises those that are exceptions."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> AsyncIterator[Any]:
            for value in values:
                if isinstance(value, Exception):
                    raise value
                yield value

    return Driver(_Gateway())


async def test_first_plain_value_is_acked_when_the_handler_streams() -> None:
    """As with an Observable in Nest, later plain values are dropped."""
    driver = streaming(WsResponse("one", 1), "first", None, "second", {"event": "two", "data": 2})

    acked = await driver.call("event")

    assert ["first"] == acked
    assert [("one", (1,)), ("two", (2,))] == driver.emitted


async def test_only_events_are_delivered_when_a_stream_has_no_ack() -> None:
    """Without an ack, the plain values of a stream are dropped."""
    assert [("one", (1,))] == await streaming("plain", WsResponse("one", 1)).send("event")


async def test_stream_is_followed_when_a_coroutine_gives_it() -> None:
    """In Nest a promise of an Observable counts as an Observable."""

    async def values() -> AsyncIterator[str]:
        yield "first"

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> AsyncIterator[str]:
            await asyncio.sleep(0)
            return values()

    assert ["first"] == await Driver(_Gateway()).call("event")


async def test_error_reaches_the_ack_when_a_stream_fails_before_its_first_value() -> None:
    """The ack is not used before the first value, so it can carry an earlier error."""
    driver = streaming(WsResponse("one", 1), WsException("broken"), "never")

    acked = await driver.call("event")

    assert [("one", (1,))] == driver.emitted
    assert [{"error": "broken", "code": "error", "temporary": False}] == acked


class AnsweredOnce:
    """An ack function that ignores all calls after the first, like the server's ack function."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def __call__(self, answer: Any) -> bool:
        if self.answers:
            return False
        self.answers.append(answer)
        return True


async def test_error_is_an_exception_event_when_a_stream_fails_after_its_ack() -> None:
    """As in Nest, the error becomes an event: only the first call of the ack has an effect."""
    driver, ack = streaming("first", WsException("late")), AnsweredOnce()

    await driver.handlers["event"](driver.socket, None, ack)

    assert ["first"] == ack.answers
    ((event, (payload,)),) = driver.emitted
    assert ("exception", "late") == (event, payload["message"])


async def test_error_is_an_exception_event_when_a_handler_fails_after_its_ack() -> None:
    """A handler that has called the ack itself cannot send an error as the ack."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, _: Any, data: Any, ack: Any) -> None:
            ack(data)
            raise WsException("late", code="too_late")

    driver, ack = Driver(_Gateway()), AnsweredOnce()

    await driver.handlers["event"](driver.socket, 1, ack)

    assert [1] == ack.answers
    ((event, (payload,)),) = driver.emitted
    assert ("exception", "too_late") == (event, payload["code"])


async def test_error_is_raised_after_the_values_when_a_stream_fails_midway() -> None:
    """Earlier values are sent. If the ack is used up, the error becomes an ``exception`` event."""
    emitted = await streaming(WsResponse("one", 1), WsException("broken")).send("event")

    assert ["one", "exception"] == [event for event, _ in emitted]


async def test_stream_is_closed_when_the_client_has_gone() -> None:
    """The generator's clean-up runs immediately."""
    trace: list[str] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(
            self, client: Annotated[Socket, ConnectedSocket()]
        ) -> AsyncIterator[str]:
            try:
                client.disconnect()
                yield "first"
                trace.append("went on")
            finally:
                trace.append("closed")

    await Driver(_Gateway()).call("event")

    assert ["closed"] == trace


async def test_stream_is_closed_when_delivering_a_value_fails() -> None:
    """If a value cannot be sent, the generator is closed and the client receives the error."""
    trace: list[str] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> AsyncIterator[WsResponse]:
            try:
                yield WsResponse("disconnect")
            finally:
                trace.append("closed")

    acked = await Driver(_Gateway()).call("event")

    assert ["closed"] == trace
    assert ["internal"] == [answer["code"] for answer in acked]


async def test_stream_is_followed_when_it_is_no_generator() -> None:
    """Any async iterator is a stream."""

    class _Countdown:
        def __init__(self) -> None:
            self._left = 2

        def __aiter__(self) -> "_Countdown":
            return self

        async def __anext__(self) -> WsResponse:
            if not self._left:
                raise StopAsyncIteration
            self._left -= 1
            return WsResponse("left", self._left)

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> _Countdown:
            return _Countdown()

    assert [("left", (1,)), ("left", (0,))] == await Driver(_Gateway()).send("event")


async def test_stream_is_named_in_the_logs_when_it_runs_in_a_context_of_its_own() -> None:
    """The transport runs a stream in the background, where the event's context is not set."""
    seen: list[ExecutionContext | None] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> AsyncIterator[str]:
            seen.append(current_context.get())
            yield "first"

    class _Link(RecordingLink):
        def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> bool:
            """Run the stream in an empty context."""
            asyncio.get_running_loop().create_task(coroutine, context=Context())
            return True

    link = _Link()
    route = Driver(_Gateway()).definition.routes[0]
    await compile_event(route)(fake_socket(Socket, link=link), None, None)
    await asyncio.sleep(0)

    assert ["event"] == [each and each.log_name for each in seen]

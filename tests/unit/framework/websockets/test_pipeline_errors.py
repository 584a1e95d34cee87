"""Tests how errors are sent as acks or ``exception`` events.

The tested module is app/framework/websockets/pipeline.py.
"""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.framework import (
    BaseWsExceptionFilter,
    CanActivate,
    ExecutionContext,
    WsException,
    WsTooManyRequests,
    catch,
    subscribe_message,
    use_filters,
    use_guards,
    web_socket_gateway,
)
from app.framework.common.exceptions import FieldError, WsBadRequest
from tests.unit.framework.driving import Driver

INTERNAL = {"error": "internal error", "code": "internal", "temporary": False}


def raising(error: BaseException) -> Driver:
    """Create a gateway whose handler raises this error."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise error

    return Driver(_Gateway())


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (WsException("text"), {"error": "text", "code": "error", "temporary": False}),
        (WsException(""), {"error": "", "code": "error", "temporary": False}),
        (WsException({"any": "object"}), {"any": "object"}),
        (WsException(["a", "list"]), ["a", "list"]),
        (RuntimeError("secret"), INTERNAL),
        (
            WsTooManyRequests(250),
            {
                "error": "Too many events; try again in 250 ms.",
                "code": "rate_limited",
                "temporary": True,
                "retryAfterMs": 250,
            },
        ),
        (
            WsBadRequest((FieldError(path="a.b", message="Field required"),)),
            {
                "error": "a.b: Field required",
                "code": "invalid_payload",
                "temporary": False,
                "fields": [{"path": "a.b", "message": "Field required"}],
            },
        ),
    ],
)
async def test_ack_alone_carries_the_error_when_one_was_asked_for(
    error: Exception, answer: Any
) -> None:
    """Nest, in contrast, does not ack a failed event."""
    driver = raising(error)

    acked = await driver.call("event", {"secret": 1})

    assert ([answer], []) == (acked, driver.emitted)


@pytest.mark.parametrize(
    ("error", "payload"),
    [
        (
            WsException("text"),
            {
                "status": "error",
                "message": "text",
                "code": "error",
                "cause": {"pattern": "event", "data": {"a": 1}},
            },
        ),
        (
            RuntimeError("secret"),
            {
                "status": "error",
                "message": "internal error",
                "code": "internal",
                "cause": {"pattern": "event", "data": {"a": 1}},
            },
        ),
        (WsException({"any": "object"}), {"any": "object"}),
        (WsException(["a", "list"]), ["a", "list"]),
    ],
)
async def test_exception_event_carries_the_error_when_no_ack_was_asked_for(
    error: Exception, payload: Any
) -> None:
    """The payload is Nest's plus the error code. Objects and lists are sent unchanged."""
    emitted = await raising(error).send("event", {"a": 1})

    assert [("exception", (payload,))] == emitted


async def test_exception_event_keeps_nests_order_of_keys_when_it_is_written() -> None:
    """The keys are in the order status, message, code, cause."""
    emitted = await raising(WsException("text")).send("event")

    assert ["status", "message", "code", "cause"] == list(emitted[0][1][0])


async def test_cause_has_no_data_when_the_client_sent_none() -> None:
    """The payload has no key ``data``, instead of the value null."""
    emitted = await raising(WsException("text")).send("event")

    assert {"pattern": "event"} == emitted[0][1][0]["cause"]


async def test_cause_holds_all_arguments_when_the_client_sent_several() -> None:
    """The cause contains the list of arguments that the handler receives."""
    emitted = await raising(WsException("text")).send("event", [1, 2])

    assert {"pattern": "event", "data": [1, 2]} == emitted[0][1][0]["cause"]


async def test_guard_refusal_is_an_exception_event_when_no_ack_was_asked_for() -> None:
    """The message is the same as Nest's, and the payload also has the error code."""

    class _Refusing(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            del context
            return False

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_guards(_Refusing())
        def on_event(self) -> None: ...

    emitted = await Driver(_Gateway()).send("event")

    payload = emitted[0][1][0]
    assert ("Forbidden resource", "forbidden") == (payload["message"], payload["code"])


async def test_unexpected_error_is_logged_with_its_traceback_when_it_is_hidden() -> None:
    """The client does not receive the error's text. The log names event, socket and request."""
    with capture_logs() as logs:
        await raising(RuntimeError("secret")).call("event")

    assert ["unexpected error"] == [entry["event"] for entry in logs]
    assert isinstance(logs[0]["exc_info"], RuntimeError)
    assert ("event", "socket-1") == (logs[0]["pattern"], logs[0]["socket_id"])
    assert logs[0]["request_id"]


async def test_ws_exception_is_not_logged_when_it_is_answered() -> None:
    """A `WsException` is a client's mistake, so it is not logged."""
    with capture_logs() as logs:
        await raising(WsException("text")).call("event")

    assert [] == logs


async def test_filter_that_raises_is_logged_and_nothing_is_sent_when_it_runs() -> None:
    """As in Nest 12, no other filter handles an error that a filter raises."""

    @catch()
    class _Broken:
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            del host
            raise exception

    @web_socket_gateway()
    @use_filters(_Broken())
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise WsException("no")

    driver = Driver(_Gateway())
    with capture_logs() as logs:
        acked = await driver.call("event")

    assert ([], []) == (acked, driver.emitted)
    assert ["exception filter failed"] == [entry["event"] for entry in logs]


async def test_filter_answers_by_itself_when_it_emits_an_event_of_its_own() -> None:
    """The pipeline sends nothing in addition to the filter's event."""

    @catch(LookupError)
    class _Emitting:
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            host.get_client().emit("lost", str(exception))

    @web_socket_gateway()
    @use_filters(_Emitting())
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise LookupError("it")

    driver = Driver(_Gateway())
    acked = await driver.call("event")

    assert ([], [("lost", ("it",))]) == (acked, driver.emitted)


async def test_base_filter_leaves_the_cause_out_when_it_is_told_to() -> None:
    """The cause must be omitted for events whose payload is a secret."""

    @web_socket_gateway()
    @use_filters(BaseWsExceptionFilter(include_cause=False))
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise WsException("no")

    emitted = await Driver(_Gateway()).send("event", {"token": "secret"})

    assert [("exception", ({"status": "error", "message": "no", "code": "error"},))] == emitted


async def test_http_style_filter_reshapes_the_error_when_it_extends_the_base_filter() -> None:
    """A custom filter may pass its own `WsException` to the base filter."""

    class _HttpError(Exception):
        pass

    @catch(_HttpError)
    class _HttpErrorFilter(BaseWsExceptionFilter):
        def catch(self, exception: Exception, host: ExecutionContext) -> None:
            super().catch(WsException({"statusCode": 400, "message": str(exception)}), host)

    @web_socket_gateway()
    @use_filters(_HttpErrorFilter())
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise _HttpError("bad")

    assert [{"statusCode": 400, "message": "bad"}] == await Driver(_Gateway()).call("event")


async def test_cancellation_passes_through_when_the_handler_is_cancelled() -> None:
    """Filters do not catch a cancellation, because a shutdown cancels handlers."""
    driver = raising(asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await driver.call("event")

    assert [] == driver.emitted

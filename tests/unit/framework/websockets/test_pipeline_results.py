"""Tests how the result of a handler is sent (app/framework/websockets/pipeline.py)."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from app.framework import (
    Ack,
    AckFunction,
    CallHandler,
    ExecutionContext,
    NestInterceptor,
    WsException,
    WsResponse,
    subscribe_message,
    use_interceptors,
    web_socket_gateway,
)
from tests.unit.framework.driving import Driver


def giving(result: Any) -> Driver:
    """Create a gateway whose handler returns this result."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> Any:
            return result

    return Driver(_Gateway())


async def test_ack_is_never_called_when_the_result_is_none() -> None:
    driver = giving(None)

    acked = await driver.call("event")

    assert ([], []) == (acked, driver.emitted)


@pytest.mark.parametrize("value", [0, False, "", [], {}, "text", {"data": 1}, [1, 2]])
async def test_result_is_acked_once_when_it_is_a_plain_value(value: Any) -> None:
    """Falsy values are acked too."""
    driver = giving(value)

    acked = await driver.call("event")

    assert ([value], []) == (acked, driver.emitted)


async def test_result_is_dropped_when_no_ack_was_asked_for() -> None:
    assert [] == await giving("value").send("event")


async def test_result_is_awaited_when_the_handler_is_async() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> str:
            await asyncio.sleep(0)
            return "value"

    assert ["value"] == await Driver(_Gateway()).call("event")


class _Event(Enum):
    NEWS = "news"


class _TextEvent(str, Enum):  # noqa: UP042 - str() of a member is not its value
    NEWS = "news"


class _Model(BaseModel):
    event: str | None = None
    data: dict[str, int] = {"a": 1}


@dataclass(frozen=True, slots=True)
class _Record:
    event: str | _Event | None = None
    data: dict[str, int] = field(default_factory=lambda: {"a": 1})


@dataclass
class _WithoutData:
    event: str


@pytest.mark.parametrize(
    "result",
    [
        WsResponse[dict[str, int]]("news", {"a": 1}),
        _Model(event="news"),
        _Record("news"),
        _Record(_Event.NEWS),
        *({"event": name, "data": {"a": 1}} for name in ("news", _Event.NEWS, _TextEvent.NEWS)),
    ],
)
async def test_event_is_emitted_instead_of_acked_when_the_result_names_one(result: Any) -> None:
    """A `WsResponse`, or an object of the same form, is emitted to the sending socket only."""
    driver = giving(result)

    acked = await driver.call("event")

    assert [] == acked
    assert [("news", ({"a": 1},))] == driver.emitted


@pytest.mark.parametrize("result", [WsResponse("news"), {"event": "news"}, _WithoutData("news")])
async def test_event_is_emitted_with_null_when_the_result_has_no_data(result: Any) -> None:
    """As in Nest, the event has one argument, null."""
    assert [("news", (None,))] == await giving(result).send("event")


def test_ws_response_is_refused_when_its_event_has_no_name() -> None:
    """The constructor raises the error, not the pipeline."""
    with pytest.raises(ValueError, match="name of an event"):
        WsResponse("")


@pytest.mark.parametrize(
    "result", [{"event": ""}, {"event": None}, _Model(), _Record(), _WithoutData("")]
)
async def test_result_is_acked_when_its_event_is_empty(result: Any) -> None:
    """A result whose event name is empty is acked like any other value."""
    driver = giving(result)

    acked = await driver.call("event")

    assert ([result], []) == (acked, driver.emitted)


async def test_generator_is_a_plain_value_when_it_is_not_async() -> None:
    """As in Nest, a plain generator is not consumed."""
    plain = iter([1, 2])

    assert [plain] == await giving(plain).call("event")


async def test_result_is_not_acked_when_the_handler_takes_the_ack() -> None:
    """With an `Ack` parameter, the handler calls the ack itself, with any number of arguments."""
    answers: list[tuple[Any, ...]] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[AckFunction, Ack()]) -> str:
            ack("one", 2)
            return "not acked"

    driver = Driver(_Gateway())
    await driver.handlers["event"](driver.socket, None, lambda *args: answers.append(args))

    assert [("one", 2)] == answers


async def test_event_is_emitted_all_the_same_when_the_handler_takes_the_ack() -> None:
    """An `Ack` parameter does not change how a `WsResponse` is handled."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[AckFunction, Ack()]) -> WsResponse:
            ack("answer")
            return WsResponse("news", 1)

    driver = Driver(_Gateway())
    acked = await driver.call("event")

    assert (["answer"], [("news", (1,))]) == (acked, driver.emitted)


async def test_ack_parameter_is_none_when_the_client_asks_for_no_ack() -> None:
    """The handler can see that the client requested no ack."""
    seen: list[AckFunction | None] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[AckFunction | None, Ack()]) -> None:
            seen.append(ack)

    await Driver(_Gateway()).send("event")

    assert [None] == seen


async def test_error_reaches_the_ack_when_a_handler_that_takes_it_raises() -> None:
    """Filters still send the error as the ack, although the handler has an `Ack` parameter."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[AckFunction, Ack()]) -> None:
            del ack
            raise WsException("no")

    acked = await Driver(_Gateway()).call("event")

    assert ["no"] == [answer["error"] for answer in acked]


async def test_event_is_not_emitted_when_an_interceptor_wraps_the_result() -> None:
    """The return value of the outermost interceptor counts as the result."""

    class _Wrapping(NestInterceptor):
        async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            del context
            return {"data": await call_handler.handle()}

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_interceptors(_Wrapping())
        def on_event(self) -> Any:
            return {"event": "news", "data": 1}

    driver = Driver(_Gateway())
    acked = await driver.call("event")

    assert ([{"data": {"event": "news", "data": 1}}], []) == (acked, driver.emitted)


async def test_client_is_told_internal_when_the_result_names_a_reserved_event() -> None:
    """A handler that emits ``disconnect`` has a bug."""
    acked = await giving(WsResponse("disconnect")).call("event")

    assert [{"error": "internal error", "code": "internal", "temporary": False}] == acked

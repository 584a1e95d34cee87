"""Tests how a payload is converted to a handler's arguments.

The tested module is app/framework/websockets/parameters.py.
"""

import asyncio
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import Field

from app.framework import (
    Ack,
    AckFunction,
    ArgumentMetadata,
    ConnectedSocket,
    DefaultValuePipe,
    ExecutionContext,
    MessageBody,
    ParseArrayPipe,
    ParseEnumPipe,
    ParseIntPipe,
    PipeTransform,
    Socket,
    ValidationPipe,
    WsException,
    create_param_decorator,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.websockets.enhancers import Enhancers
from tests.unit.framework.driving import Driver


class _Increment(PipeTransform):
    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        del metadata
        return value + 1


class _IncrementLater(PipeTransform):
    async def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        del metadata
        await asyncio.sleep(0)
        return value + 1


class _Echo(PipeTransform):
    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        del metadata
        return value


@pytest.mark.parametrize("payload", [None, {"a": 1}, "text", 0, False, [1, 2]])
async def test_message_body_is_the_payload_when_no_field_is_named(payload: Any) -> None:
    """If the client sends no arguments, the payload is None; several arguments become a list."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Annotated[Any, MessageBody()]) -> Any:
            return [body]

    assert [[payload]] == await Driver(_Gateway()).call("event", payload)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ({"field": 1}, 1),
        ({"field": None}, None),
        ({"other": 1}, None),
        ({"a.b": 2}, None),
        (None, None),
        ("field", None),
        (["field"], None),
    ],
)
async def test_message_body_gives_none_when_the_payload_has_no_such_field(
    payload: Any, value: Any
) -> None:
    """Reading a field raises no error, whatever the client has sent."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, field: Annotated[Any, MessageBody("field")]) -> Any:
            return [field]

    assert [[value]] == await Driver(_Gateway()).call("event", payload)


async def test_message_body_takes_the_literal_key_when_the_field_has_dots() -> None:
    """As in Nest, a name with dots is not a path."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, field: Annotated[Any, MessageBody("a.b")]) -> Any:
            return [field]

    payload = {"a.b": "literal", "a": {"b": "nested"}}

    assert [["literal"]] == await Driver(_Gateway()).call("event", payload)


async def test_plain_handler_gets_client_data_and_ack_when_nothing_is_annotated() -> None:
    """As in Nest, the parameters are client, data and ack; the ack is None if none is requested."""
    seen: list[Any] = []

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, client: Socket, data: Any, ack: AckFunction | None) -> None:
            seen.extend([client, data, ack])

    driver = Driver(_Gateway())
    await driver.send("event", {"a": 1})

    assert [driver.socket, {"a": 1}, None] == seen


@pytest.mark.parametrize("event", ["none", "one", "two"])
async def test_plain_handler_gets_as_many_as_it_takes_when_it_takes_fewer(event: str) -> None:
    """As in JavaScript, a handler receives no more arguments than it has parameters."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("none")
        def on_none(self) -> str:
            return "none"

        @subscribe_message("one")
        def on_one(self, client: Socket) -> str:
            return client.id and "one"

        @subscribe_message("two")
        def on_two(self, client: Socket, data: Any) -> Any:
            return client.id and data

    assert [event] == await Driver(_Gateway()).call(event, "two")


async def test_parameters_follow_the_signature_when_several_are_annotated() -> None:
    """Each parameter receives the value that its marker names, whatever the order."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self,
            ack: Annotated[AckFunction, Ack()],
            name: Annotated[str, MessageBody("name")],
            client: Annotated[Socket, ConnectedSocket()],
        ) -> None:
            ack([name, client.id])

    assert [["alice", "socket-1"]] == await Driver(_Gateway()).call("event", {"name": "alice"})


async def test_parameter_pipes_run_in_order_when_several_are_given() -> None:
    """The first pipe sets the default value, which the second pipe then receives."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self, n: Annotated[int, MessageBody("n", DefaultValuePipe(3), _Increment)]
        ) -> int:
            return n

    driver = Driver(_Gateway())

    assert [4] == await driver.call("event", {})
    assert [8] == await driver.call("event", {"n": 7})


@pytest.mark.parametrize(("payload", "n"), [({}, 3), ({"n": None}, 3), ({"n": 0}, 0)])
async def test_default_is_the_argument_when_the_value_is_missing(payload: Any, n: int) -> None:
    """As in TypeScript, the default of a parameter replaces a missing value."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n")] = 3) -> list[int]:
            return [n]

        @subscribe_message("plain")
        def on_plain(self, client: Socket, n: int = 3) -> list[int]:
            del client
            return [n]

    driver = Driver(_Gateway(), Enhancers(pipes=(ValidationPipe(),)))

    assert [[n]] == await driver.call("event", payload)
    assert [[n]] == await driver.call("plain", payload.get("n"))


async def test_default_replaces_the_result_of_the_pipes_when_it_is_missing() -> None:
    """As in Nest, a pipe that requires a value rejects a missing one, even with a default."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("required")
        def on_required(self, n: Annotated[int, MessageBody("n", ParseIntPipe())] = 3) -> int:
            return n

        @subscribe_message("optional")
        def on_optional(
            self, n: Annotated[int, MessageBody("n", ParseIntPipe(optional=True))] = 3
        ) -> int:
            return n

    driver = Driver(_Gateway())

    assert "invalid_payload" == (await driver.call("required", {}))[0]["code"]
    assert [5] == await driver.call("required", {"n": "5"})
    assert [3] == await driver.call("optional", {})


async def test_validation_follows_the_parse_pipes_when_a_parameter_has_some() -> None:
    """The application's `ValidationPipe` checks the results of the parse pipes."""
    level = Enum("level", {"LOW": "low"})

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("list")
        def on_list(
            self, ids: Annotated[list[int], MessageBody("ids", ParseArrayPipe(items=int))]
        ) -> list[Any]:
            return [ids]

        @subscribe_message("level")
        def on_level(self, value: Annotated[level, MessageBody(ParseEnumPipe(level))]) -> Any:
            return [value is level.LOW]

        @subscribe_message("page")
        def on_page(
            self,
            page: Annotated[
                int, Field(ge=1), MessageBody("page", DefaultValuePipe("1"), ParseIntPipe)
            ],
        ) -> int:
            return page

    driver = Driver(_Gateway(), Enhancers(pipes=(_Echo(), ValidationPipe())))

    assert [[[1, 2]]] == await driver.call("list", {"ids": "1,2"})
    assert [[True]] == await driver.call("level", "low")
    assert [1] == await driver.call("page", {})
    (refused,) = await driver.call("page", {"page": "0"})
    assert "page: Input should be greater than or equal to 1" == refused["error"]
    (refused,) = await driver.call("page", {"page": "x"})
    assert "page: Validation failed (numeric string is expected)" == refused["error"]


async def test_pipe_runs_when_it_stands_in_the_place_of_the_data() -> None:
    """A pipe may be the first argument of a marker, as in Nest's ``@MessageBody(new Pipe())``."""
    constant = create_param_decorator(lambda data, _: 1 if data is None else data)

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self,
            payload: Annotated[int, MessageBody(_Increment(), _Increment)],
            one: Annotated[int, constant(_Increment)],
        ) -> list[int]:
            return [payload, one]

    assert [[5, 2]] == await Driver(_Gateway()).call("event", 3)


async def test_pipe_is_awaited_when_it_is_async() -> None:
    """The next pipe receives the result of the async pipe."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self,
            n: Annotated[int, MessageBody("n", _IncrementLater(), _Increment())],
            client: Annotated[Socket, ConnectedSocket()],
        ) -> list[Any]:
            return [n, client.id]

    assert [[3, "socket-1"]] == await Driver(_Gateway()).call("event", {"n": 1})


async def test_custom_decorator_gets_its_data_and_the_context_when_it_is_used() -> None:
    """The decorator works like one of Nest's ``createParamDecorator``."""
    query = create_param_decorator(
        lambda data, context: (data, context.switch_to_ws().get_client().id)
    )

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, asked: Annotated[Any, query("page")]) -> Any:
            return asked

    assert [("page", "socket-1")] == await Driver(_Gateway()).call("event")


async def test_custom_decorator_has_pipes_when_they_follow_its_data() -> None:
    """The pipes receive the factory's result."""
    number = create_param_decorator(lambda data, _: data)

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, number(1, _Increment())]) -> int:
            return n

    assert [2] == await Driver(_Gateway()).call("event")


async def test_custom_decorator_is_awaited_when_its_factory_is_async() -> None:
    """The handler receives the value instead of the coroutine."""

    async def load(data: Any, context: ExecutionContext) -> str:
        await asyncio.sleep(0)
        return f"{data} of {context.get_client().id}"

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, user: Annotated[str, create_param_decorator(load)("user")]) -> str:
            return user

    assert ["user of socket-1"] == await Driver(_Gateway()).call("event")


async def test_custom_decorator_is_awaited_when_a_plain_factory_gives_an_awaitable() -> None:
    """The usual case is a lambda that calls a coroutine function."""

    async def load(name: str) -> str:
        await asyncio.sleep(0)
        return f"{name} loaded"

    user = create_param_decorator(lambda data, _: load(data))

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, loaded: Annotated[str, user("alice")]) -> list[str]:
            return [loaded]

    assert [["alice loaded"]] == await Driver(_Gateway()).call("event")


async def test_client_is_told_when_a_custom_decorator_raises() -> None:
    """The factory's error is answered like an error of the handler."""

    def refuse(data: Any, context: ExecutionContext) -> Any:
        del data, context
        raise WsException("no user here", code="no_user")

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, user: Annotated[Any, create_param_decorator(refuse)()]) -> None:
            del user

    acked = await Driver(_Gateway()).call("event")

    assert [{"error": "no user here", "code": "no_user", "temporary": False}] == acked

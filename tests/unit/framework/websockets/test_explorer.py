"""Tests the events, options and server attributes that the explorer finds in a gateway."""

from enum import Enum, StrEnum
from typing import Annotated

import pytest

from app.framework import (
    MessageBody,
    ValidationPipe,
    WebSocketServer,
    subscribe_message,
    use_pipes,
    web_socket_gateway,
)
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.explorer import server_attributes
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.driving import Driver


def patterns(gateway: object) -> list[str]:
    return [route.pattern for route in Driver(gateway).definition.routes]


async def test_topmost_pattern_counts_when_subscriptions_are_stacked() -> None:
    """As in Nest, the topmost of several decorators decides."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("upper")
        @subscribe_message("lower")
        def on_event(self) -> None: ...

    assert ["upper"] == patterns(_Gateway())


@pytest.mark.parametrize("pattern", ["*", "", "exception", "message:seen", "sp ace"])
async def test_pattern_is_literal_when_it_looks_special(pattern: str) -> None:
    """Each of these names is an ordinary event name, which matches only itself."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message(pattern)
        def on_event(self) -> str:
            return "handled"

    assert ["handled"] == await Driver(_Gateway()).call(pattern)


async def test_pattern_is_the_value_when_it_is_an_enums_member() -> None:
    """Every kind of enum works, even if ``str(member)`` is the member's name."""

    class _Mixed(str, Enum):  # noqa: UP042 - the common form before Python 3.11
        EVENT = "mixed"

    class _Plain(Enum):
        EVENT = "plain"

    class _Text(StrEnum):
        EVENT = "text"

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message(_Mixed.EVENT)
        def on_mixed(self) -> None: ...

        @subscribe_message(_Plain.EVENT)
        def on_plain(self) -> None: ...

        @subscribe_message(_Text.EVENT)
        def on_text(self) -> None: ...

    assert ["mixed", "plain", "text"] == patterns(_Gateway())


async def test_handlers_are_inherited_when_a_base_class_has_them() -> None:
    """Handlers of the base class come before those of the subclass, in declared order."""

    class _Base:
        @subscribe_message("base")
        def on_base(self) -> str:
            return type(self).__name__

    @web_socket_gateway()
    class _Gateway(_Base):
        @subscribe_message("own")
        def on_own(self) -> None: ...

    assert ["base", "own"] == patterns(_Gateway())
    assert ["_Gateway"] == await Driver(_Gateway()).call("base")


async def test_handler_is_unregistered_when_its_override_is_not_decorated() -> None:
    """As in Nest, an override without the decorator is an ordinary method."""

    class _Base:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    @web_socket_gateway()
    class _Gateway(_Base):
        def on_event(self) -> None: ...

    assert [] == patterns(_Gateway())


async def test_handler_is_replaced_when_its_override_is_decorated() -> None:
    """Only the event of the override exists."""

    class _Base:
        @subscribe_message("old")
        def on_event(self) -> str:
            return "base"

    @web_socket_gateway()
    class _Gateway(_Base):
        @subscribe_message("new")
        def on_event(self) -> str:
            return "override"

    assert ["new"] == patterns(_Gateway())
    assert ["override"] == await Driver(_Gateway()).call("new")


async def test_handler_is_found_when_its_attribute_has_another_name_than_its_function() -> None:
    """Several classes may have the same function as a method, under different names."""

    def answer(gateway: object) -> str:
        return type(gateway).__name__

    @web_socket_gateway()
    class _Gateway:
        on_event = subscribe_message("event")(answer)

    assert ["_Gateway"] == await Driver(_Gateway()).call("event")


async def test_options_are_inherited_when_only_the_base_class_is_decorated() -> None:
    @web_socket_gateway(namespace="chat")
    class _Base:
        pass

    class _Gateway(_Base):
        pass

    assert "/chat" == Driver(_Gateway()).definition.options.namespace


@pytest.mark.parametrize("namespace", ["chat", "/chat", "/chat/"])
async def test_namespace_has_one_spelling_when_it_is_written_in_several(namespace: str) -> None:
    """As in Nest, ``'chat'`` means ``'/chat'``."""

    @web_socket_gateway(namespace=namespace)
    class _Gateway:
        pass

    assert "/chat" == Driver(_Gateway()).definition.options.namespace


def test_server_attributes_are_found_when_a_base_class_declares_them() -> None:
    class _Base:
        server = WebSocketServer()

    class _Gateway(_Base):
        io = WebSocketServer()

    assert {"server", "io"} == set(server_attributes(_Gateway))


def test_server_raises_a_sentence_when_it_is_used_in_the_constructor() -> None:
    """The error names the attribute, and says when the framework sets it."""

    class _Gateway:
        server = WebSocketServer()

    with pytest.raises(AttributeError) as caught:
        _ = _Gateway().server

    assert (
        "_Gateway.server is not set yet: "
        "the server exists from after_init on, not in the constructor"
    ) == str(caught.value)
    assert isinstance(_Gateway.server, WebSocketServer)


async def test_annotation_keeps_its_constraints_when_it_has_more_than_the_marker() -> None:
    """The validator receives the other items of the `Annotated`."""
    from annotated_types import Ge  # noqa: PLC0415 - pydantic's own, for this test alone

    @web_socket_gateway()
    @use_pipes(ValidationPipe)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n"), Ge(1)]) -> int:
            return n

    driver = Driver(_Gateway())

    assert [1] == await driver.call("event", {"n": 1})
    assert ["invalid_payload"] == [
        answer["code"] for answer in await driver.call("event", {"n": 0})
    ]


def test_routes_carry_the_applications_enhancers_when_there_are_any() -> None:
    """`python -m app events` prints the enhancers that really run, including global ones."""
    pipe = ValidationPipe()

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    driver = Driver(_Gateway(), Enhancers(pipes=(pipe,)))

    assert (pipe,) == driver.definition.routes[0].enhancers.pipes
    assert callable(compile_event(driver.definition.routes[0]))

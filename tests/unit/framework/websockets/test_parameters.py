"""Tests that the boot fails on parameters that would not receive the value that they announce."""

from collections.abc import Iterator
from typing import Annotated, Any

from app.framework import (
    Ack,
    MessageBody,
    Socket,
    create_param_decorator,
    subscribe_message,
    web_socket_gateway,
)
from tests.unit.framework.driving import Driver, boot_error


def test_boot_fails_when_a_marker_is_not_called() -> None:
    """The framework would ignore the marker class, and the parameter would receive the client."""
    user = create_param_decorator(lambda data, _: data)

    @web_socket_gateway()
    class _Own:
        @subscribe_message("event")
        def on_event(self, body: Annotated[Any, MessageBody]) -> None: ...

    @web_socket_gateway()
    class _Custom:
        @subscribe_message("event")
        def on_event(self, who: Annotated[Any, user]) -> None: ...

    assert (
        "_Own.on_event: parameter 'body' has a marker without parentheses; "
        "call it, Annotated[..., MessageBody()]"
    ) == boot_error(_Own())
    assert "parameter 'who' has a marker without parentheses" in boot_error(_Custom())


def test_boot_fails_when_a_marker_is_within_another_type() -> None:
    """The annotation ``Annotated[...] | None`` hides the marker."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Annotated[int, MessageBody()] | None) -> None: ...

    assert (
        "_Gateway.on_event: parameter 'body' has its marker inside another type; "
        "write the marker outermost, Annotated[Dto | None, MessageBody()]"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_parameter_has_two_markers() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n"), MessageBody("m")]) -> None: ...

    assert "_Gateway.on_event: parameter 'n' has 2 markers; keep one" == boot_error(_Gateway())


def test_boot_fails_when_the_ack_has_a_default() -> None:
    """The ack is None if the client did not request one, so another default is never used."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[Any, Ack()] = print) -> None: ...

    @web_socket_gateway()
    class _Plain:
        @subscribe_message("event")
        def on_event(self, client: Socket, data: Any = None, ack: Any = print) -> None: ...

    @web_socket_gateway()
    class _WithNone:
        @subscribe_message("event")
        def on_event(self, ack: Annotated[Any, Ack()] = None) -> None: ...

    Driver(_WithNone())
    for gateway in (_Gateway(), _Plain()):
        assert (
            f"{type(gateway).__name__}.on_event: parameter 'ack' is the ack, so its default is "
            "never used; remove it, or write = None"
        ) == boot_error(gateway)


def test_boot_fails_when_a_handler_is_a_plain_generator() -> None:
    """A plain generator would never run. An async generator is a stream."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> Iterator[int]:
            yield 1

    assert ("_Gateway.on_event is a generator; write async def to stream its values") == boot_error(
        _Gateway()
    )

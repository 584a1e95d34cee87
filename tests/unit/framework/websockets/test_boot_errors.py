"""Tests app/framework/websockets/explorer.py and app/framework/websockets/parameters.py.

Each boot error names the class, the method and the fix.
"""

from typing import Annotated, Any

import pytest

from app.framework import (
    BootError,
    MessageBody,
    Socket,
    ValidationPipe,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from tests.unit.framework.driving import Driver, boot_error


def test_boot_fails_when_a_gateway_wants_a_port_of_its_own() -> None:
    @web_socket_gateway(4001)
    class _Gateway:
        pass

    assert (
        "_Gateway: a port of its own (4001) is not supported; "
        "remove it, all gateways share the application's port"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_gateway_wants_polling() -> None:
    """The only transport in ``docs/protocol.md`` is websocket."""

    @web_socket_gateway(transports=("polling", "websocket"))
    class _Gateway:
        pass

    assert (
        "_Gateway: transports=('polling', 'websocket') is not supported; only ('websocket',) is"
    ) == boot_error(_Gateway())


@pytest.mark.parametrize("pattern", ["connect", "disconnect", "connect_error", "newListener"])
def test_boot_fails_when_a_handler_has_a_reserved_event(pattern: str) -> None:
    """Nest accepts handlers of reserved events, but never runs them."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message(pattern)
        def on_event(self) -> None: ...

    assert (
        f"_Gateway.on_event: '{pattern}' is a reserved event name; choose another one"
    ) == boot_error(_Gateway())


def test_boot_fails_when_two_methods_have_the_same_event() -> None:
    """The error names both methods."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_first(self) -> None: ...

        @subscribe_message("event")
        def on_second(self) -> None: ...

    sentence = boot_error(_Gateway())

    assert "_Gateway.on_second: _Gateway.on_first already handles 'event'" in sentence


def test_boot_fails_when_a_parameter_has_no_marker_beside_marked_ones() -> None:
    """In Nest, the parameter without a decorator would be undefined."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Annotated[Any, MessageBody()], extra: int) -> None: ...

    assert (
        "_Gateway.on_event: the argument for parameter 'extra' is unknown; annotate it with "
        "MessageBody(), ConnectedSocket(), Ack() or a custom parameter decorator"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_parameter_is_annotated_without_a_marker() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self, body: Annotated[Any, MessageBody()], extra: Annotated[int, "some number"]
        ) -> None: ...

    assert "the argument for parameter 'extra' is unknown" in boot_error(_Gateway())


def test_boot_fails_when_a_handler_takes_no_self() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event() -> None: ...  # type: ignore[misc]

    assert "_Gateway.on_event: a handler is a method; add the parameter self" == boot_error(
        _Gateway()
    )


def test_boot_fails_when_a_parameters_pipe_is_none() -> None:
    """The error names the class, the method and the parameter."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n", _Nothing)]) -> None: ...

    assert (
        "_Gateway.on_event: parameter 'n' names _Nothing, which does not implement PipeTransform; "
        "derive it from PipeTransform"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_plain_handler_takes_too_many_parameters() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, client: Socket, data: Any, ack: Any, more: Any) -> None: ...

    assert (
        "_Gateway.on_event: a handler without annotations takes at most (client, data, ack), "
        "not (client, data, ack, more)"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_marker_is_a_default_instead_of_an_annotation() -> None:
    """If the marker were the default, the handler would receive the marker itself."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Any = MessageBody()) -> None: ...  # noqa: B008 - the mistake

    assert (
        "_Gateway.on_event: parameter 'body' has its marker as a default; "
        "write it as body: Annotated[..., MessageBody()]"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_parameter_cannot_be_given_by_position() -> None:
    """The parameter is rejected at boot, not when the first event arrives."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, *, body: Annotated[Any, MessageBody()]) -> None: ...

    assert (
        "_Gateway.on_event: parameter 'body' is not positional; a handler is called with "
        "positional arguments, so remove * and **"
    ) == boot_error(_Gateway())


def test_boot_fails_when_an_annotation_cannot_be_read() -> None:
    """Names that are imported for type checkers only do not exist at boot."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert (
        "_Gateway.on_event: its annotations cannot be evaluated (name 'Missing' is not defined); "
        "import these names at run time"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_payload_type_cannot_be_validated() -> None:
    """The error names the handler, the type of the payload, and the fix."""

    class _Opaque:
        pass

    @web_socket_gateway()
    @use_pipes(ValidationPipe)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Annotated[_Opaque, MessageBody()]) -> None: ...

    with pytest.raises(BootError) as caught:
        Driver(_Gateway())

    assert (
        "_Gateway.on_event: ValidationPipe cannot validate _Opaque; "
        "annotate the payload with a pydantic model. If a pipe looks up the object, read its id "
        "with create_param_decorator, whose parameters are not validated"
    ) == str(caught.value)


class _Nothing:
    pass


@pytest.mark.parametrize(
    ("decorate", "kind"),
    [
        (use_guards, "CanActivate"),
        (use_interceptors, "NestInterceptor"),
        (use_pipes, "PipeTransform"),
        (use_filters, "ExceptionFilter"),
    ],
)
def test_boot_fails_when_an_enhancer_is_none(decorate: Any, kind: str) -> None:
    """The error names the decorated class or method."""

    @web_socket_gateway()
    @decorate(_Nothing)
    class _OnClass:
        pass

    @web_socket_gateway()
    class _OnMethod:
        @subscribe_message("event")
        def on_event(self) -> None: ...

        decorate(_Nothing())(on_event)

    sentence = f"@{decorate.__name__} names _Nothing, which does not implement {kind}"
    assert f"_OnClass: {sentence}" in boot_error(_OnClass())
    assert f"_OnMethod.on_event: {sentence}" in boot_error(_OnMethod())

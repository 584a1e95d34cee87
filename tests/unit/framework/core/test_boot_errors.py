"""Tests app/framework/core/application.py: errors at boot name class, method and fix."""

from typing import Annotated, Any

import pytest

from app.framework import (
    BootError,
    Cors,
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
    """Not supported; the mend is named."""

    @web_socket_gateway(4001)
    class _Gateway:
        pass

    assert (
        "_Gateway: a gateway's own port (4001) is not supported; "
        "leave the port out and all gateways share the application's"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_gateway_wants_polling() -> None:
    """PROTOCOL.md: websocket only."""

    @web_socket_gateway(transports=("polling", "websocket"))
    class _Gateway:
        pass

    assert (
        "_Gateway: transports=('polling', 'websocket') is not supported; only ('websocket',) is"
    ) == boot_error(_Gateway())


@pytest.mark.parametrize("origin", ["*", "chat.example", "https://*.example"])
def test_boot_fails_when_a_gateways_cors_matches_no_page(origin: str) -> None:
    """Nest takes patterns; here every browser would be refused without a word."""

    @web_socket_gateway(cors=Cors((origin,)))
    class _Gateway:
        pass

    assert (
        f"_Gateway: cors={origin!r} matches no page; "
        "write each origin in full, such as https://chat.example"
    ) == boot_error(_Gateway())


@pytest.mark.parametrize("pattern", ["connect", "disconnect", "connect_error", "newListener"])
def test_boot_fails_when_a_handler_has_a_reserved_event(pattern: str) -> None:
    """In Nest it would never fire."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message(pattern)
        def on_event(self) -> None: ...

    assert (f"_Gateway.on_event: '{pattern}' is a reserved name; choose another one") == boot_error(
        _Gateway()
    )


def test_boot_fails_when_two_methods_have_the_same_event() -> None:
    """Both are named."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_first(self) -> None: ...

        @subscribe_message("event")
        def on_second(self) -> None: ...

    sentence = boot_error(_Gateway())

    assert "_Gateway.on_second: 'event' is handled by _Gateway.on_first" in sentence


def test_boot_fails_when_a_parameter_has_no_marker_beside_marked_ones() -> None:
    """In Nest it would be undefined."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Annotated[Any, MessageBody()], extra: int) -> None: ...

    assert (
        "_Gateway.on_event: nothing says what parameter 'extra' is; annotate it with "
        "MessageBody(), ConnectedSocket(), Ack() or a decorator of your own"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_parameter_is_annotated_without_a_marker() -> None:
    """`Annotated` alone says nothing."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(
            self, body: Annotated[Any, MessageBody()], extra: Annotated[int, "some number"]
        ) -> None: ...

    assert "nothing says what parameter 'extra' is" in boot_error(_Gateway())


def test_boot_fails_when_a_handler_takes_no_self() -> None:
    """It could not even be called."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event() -> None: ...  # type: ignore[misc]

    assert "_Gateway.on_event: a handler is a method; give it self" == boot_error(_Gateway())


def test_boot_fails_when_a_parameters_pipe_is_none() -> None:
    """Class, method and parameter are named."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n", _Nothing)]) -> None: ...

    assert (
        "_Gateway.on_event: parameter 'n' names _Nothing, which is no PipeTransform; "
        "let it extend PipeTransform"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_plain_handler_takes_too_many_parameters() -> None:
    """There are three to take."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, client: Socket, data: Any, ack: Any, more: Any) -> None: ...

    assert (
        "_Gateway.on_event: without annotations a handler takes (client, data, ack) at most, "
        "not (client, data, ack, more)"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_marker_is_a_default_instead_of_an_annotation() -> None:
    """The other common way to write it must not silently mean something else."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: Any = MessageBody()) -> None: ...  # noqa: B008 - the mistake

    assert (
        "_Gateway.on_event: parameter 'body' has its marker as a default; "
        "write it as body: Annotated[..., MessageBody()]"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_parameter_cannot_be_given_by_position() -> None:
    """Found at boot, not by the first client."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, *, body: Annotated[Any, MessageBody()]) -> None: ...

    assert (
        "_Gateway.on_event: parameter 'body' is not positional; a handler's parameters are "
        "given by position, so leave out * and **"
    ) == boot_error(_Gateway())


def test_boot_fails_when_an_annotation_cannot_be_read() -> None:
    """A name imported for type checkers only does not exist at boot."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, body: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert (
        "_Gateway.on_event: its annotations cannot be read (name 'Missing' is not defined); "
        "import what they name at run time"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_payload_type_cannot_be_validated() -> None:
    """The complaint is pydantic's; it is given a place and a mend."""

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
        "annotate the payload with a pydantic model"
    ) == str(caught.value)


class _Nothing:
    pass


@pytest.mark.parametrize(
    ("decorate", "sentence"),
    [
        (use_guards, "@use_guards names _Nothing, which is no CanActivate"),
        (use_interceptors, "@use_interceptors names _Nothing, which is no NestInterceptor"),
        (use_pipes, "@use_pipes names _Nothing, which is no PipeTransform"),
        (use_filters, "@use_filters names _Nothing, which is no ExceptionFilter"),
    ],
)
def test_boot_fails_when_an_enhancer_is_none(decorate: Any, sentence: str) -> None:
    """On a class and on a method; the place is named."""

    @web_socket_gateway()
    @decorate(_Nothing)
    class _OnClass:
        pass

    @web_socket_gateway()
    class _OnMethod:
        @subscribe_message("event")
        def on_event(self) -> None: ...

        decorate(_Nothing())(on_event)

    assert f"_OnClass: {sentence}" in boot_error(_OnClass())
    assert f"_OnMethod.on_event: {sentence}" in boot_error(_OnMethod())

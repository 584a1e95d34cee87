"""Tests handlers whose parameters have no markers (app/framework/websockets/parameters.py)."""

from typing import Annotated, Any, Protocol

import pytest
from dependency_injector import providers
from pydantic import BaseModel

from app.framework import (
    AckFunction,
    AppPipe,
    ArgumentMetadata,
    PipeTransform,
    Socket,
    ValidationPipe,
    subscribe_message,
    use_pipes,
    web_socket_gateway,
)
from app.framework.testing import fake_socket
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.assembling import application
from tests.unit.framework.driving import Driver, boot_error
from tests.unit.framework.tracing import Trace, TracingPipe


class _Payload(BaseModel):
    text: str


@web_socket_gateway()
class _Gateway:
    @subscribe_message("plain")
    def on_plain(self, client: Socket, data: _Payload) -> Any:
        return [client.id, data.text]

    @subscribe_message("async")
    async def on_async(self, client: Socket, data: _Payload) -> Any:
        return [client.id, data.text]

    @subscribe_message("acking")
    async def on_acking(self, client: Socket, data: _Payload, ack: AckFunction | None) -> Any:
        return [client.id, data.text, ack is not None]

    @subscribe_message("untyped")
    def on_untyped(self, client, data):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return [client.id, data]


VALIDATING = Enhancers(pipes=(ValidationPipe(),))


@pytest.mark.parametrize("event", ["plain", "async", "acking"])
async def test_plain_handler_gets_a_validated_payload_when_there_is_a_validation_pipe(
    event: str,
) -> None:
    """An invalid payload does not reach the handler."""
    driver = Driver(_Gateway(), VALIDATING)

    (answer,) = await driver.call(event, {"text": "hello"})
    (refusal,) = await driver.call(event, {"text": 5})

    assert ["socket-1", "hello"] == answer[:2]
    assert ("invalid_payload", ["text"]) == (
        refusal["code"],
        [field["path"] for field in refusal["fields"]],
    )


async def test_plain_handler_gets_any_payload_when_it_names_no_type() -> None:
    """As in Nest, a payload without a type is not validated."""
    assert [["socket-1", 5]] == await Driver(_Gateway(), VALIDATING).call("untyped", 5)


async def test_pipes_run_in_nests_order_when_the_handler_is_plain() -> None:
    """Pipes of application, class and method run for client and payload, but not for the ack."""
    trace: Trace = []

    @web_socket_gateway()
    @use_pipes(TracingPipe(trace, "class"))
    class _Traced:
        @subscribe_message("event")
        @use_pipes(TracingPipe(trace, "method"))
        def on_event(self, client: Socket, data: Any, ack: AckFunction | None) -> None: ...

    app = application(providers.Singleton(_Traced), AppPipe(TracingPipe, trace, "provided"))
    app.use_global_pipes(TracingPipe(trace, "used"))
    await compile_event(app.events()[0])(fake_socket(Socket), None, None)

    assert [
        f"pipe {name} {kind}"
        for kind in ("custom", "body")
        for name in ("provided", "used", "class", "method")
    ] == trace


async def test_pipe_knows_the_annotations_when_the_handler_is_plain() -> None:
    """A pipe receives the annotation in place of Nest's ``metatype``."""
    seen: list[ArgumentMetadata] = []

    class _Looking(PipeTransform):
        def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
            seen.append(metadata)
            return value

    await Driver(_Gateway(), Enhancers(pipes=(_Looking(),))).call("untyped", 1)
    assert [ArgumentMetadata("custom", Any, None), ArgumentMetadata("body", Any, None)] == seen

    seen.clear()

    @web_socket_gateway()
    class _Typed:
        @subscribe_message("event")
        def on_event(self, client: Socket, data: _Payload) -> None: ...

    await Driver(_Typed(), Enhancers(pipes=(_Looking(),))).call("event", 1)
    assert [
        ArgumentMetadata("custom", Socket, None),
        ArgumentMetadata("body", _Payload, None),
    ] == seen


async def test_pipe_changes_what_the_plain_handler_gets_when_it_gives_another_value() -> None:
    class _Doubling(PipeTransform):
        def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
            return value if metadata.type == "custom" else value * 2

    driver = Driver(_Gateway(), Enhancers(pipes=(_Doubling(),)))

    assert [["socket-1", 6]] == await driver.call("untyped", 3)


class _Named(Protocol):
    id: str


class _OwnSocket(Socket):
    pass


def _gateway_of_one_parameter(hint: Any) -> object:
    def on_event(_: object, first: Any) -> Any:
        return first.id

    on_event.__annotations__["first"] = hint
    cls = type("_Gateway", (), {"on_event": subscribe_message("event")(on_event)})
    return web_socket_gateway()(cls)()


@pytest.mark.parametrize(
    "hint",
    [_Payload, _Payload | None, Annotated[_Payload, "said"], dict[str, Any], str],
    ids=["model", "optional", "annotated", "dict", "str"],
)
def test_boot_fails_when_the_first_parameter_of_a_plain_handler_is_no_client(hint: Any) -> None:
    """The parameter would receive the client instead of a validated payload."""
    assert (
        "_Gateway.on_event: parameter 'first' receives the client, but its annotation is another "
        "type; a handler without markers takes (client, data, ack): add a client parameter before "
        "this one, or annotate this one with MessageBody()"
    ) == boot_error(_gateway_of_one_parameter(hint))


@pytest.mark.parametrize("hint", [Socket, _OwnSocket, Socket | None, Any, object, _Named])
async def test_plain_handler_gets_the_client_when_its_annotation_fits_one(hint: Any) -> None:
    driver = Driver(_gateway_of_one_parameter(hint))

    assert [driver.socket.id] == await driver.call("event")

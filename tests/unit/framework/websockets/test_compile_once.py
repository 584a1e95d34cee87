"""Tests that signatures are inspected at boot and not per event.

The tested module is app/framework/websockets/pipeline.py.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

from pydantic import BaseModel

from app.framework import (
    ConnectedSocket,
    MessageBody,
    Socket,
    ValidationPipe,
    subscribe_message,
    use_guards,
    use_interceptors,
    web_socket_gateway,
)
from app.framework.websockets.enhancers import Enhancers
from tests.unit.framework.driving import Driver
from tests.unit.framework.tracing import TracingGuard, TracingInterceptor

AT_BOOT_ONLY = {
    "bind",
    "explore",
    "get_metadata",
    "get_type_hints",
    "iscoroutinefunction",
    "resolve",
    "signature",
}


class _Payload(BaseModel):
    text: str


@web_socket_gateway()
@use_guards(TracingGuard([], "class"))
@use_interceptors(TracingInterceptor([], "class"))
class _Gateway:
    @subscribe_message("event")
    async def on_event(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        body: Annotated[_Payload, MessageBody()],
    ) -> str:
        return client.id and body.text


@contextmanager
def calls() -> Iterator[set[str]]:
    """Collect the names of all Python functions that are called."""
    names: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        del argument
        if event == "call":
            names.add(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield names
    finally:
        sys.setprofile(before)


async def test_nothing_is_inspected_when_an_event_is_handled() -> None:
    """The event passes a guard, an interceptor, validation, the handler and the ack."""
    driver = Driver(_Gateway(), Enhancers(pipes=(ValidationPipe(),)))

    with calls() as called:
        acked = await driver.call("event", {"text": "hello"})

    assert ["hello"] == acked
    assert {"can_activate", "intercept", "on_event"} <= called
    assert set() == called & AT_BOOT_ONLY


def test_everything_is_inspected_when_the_gateway_is_compiled() -> None:
    """`calls` records this inspection, so the test above would detect it during an event."""
    with calls() as called:
        Driver(_Gateway(), Enhancers(pipes=(ValidationPipe(),)))

    assert AT_BOOT_ONLY - {"resolve"} <= called

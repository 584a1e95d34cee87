from typing import Any

import pytest

from app.framework import BootError, Socket
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.connections import compile_connect, compile_disconnect
from app.framework.websockets.enhancers import Enhancers
from app.framework.websockets.explorer import explore
from app.framework.websockets.pipeline import EventHandler, compile_event
from app.framework.websockets.unknown_event import compile_unknown_event

Emitted = list[tuple[str, tuple[Any, ...]]]


class Driver:
    """Runs a gateway's compiled pipeline for one client, without a container or server.

    Attributes:
        emitted: The events that the client received, as ``(event, args)`` in order.
    """

    def __init__(self, gateway: object, application: Enhancers | None = None) -> None:
        self.link = RecordingLink()
        self.socket = fake_socket(Socket, link=self.link)
        self.definition = explore(gateway, application or Enhancers(), _instance)
        self.handlers: dict[str, EventHandler] = {
            route.pattern: compile_event(route) for route in self.definition.routes
        }

    @property
    def emitted(self) -> Emitted:
        return self.link.emitted

    async def call(self, event: str, data: Any = None) -> list[Any]:
        """Send an event with an ack, and return the arguments of each ack."""
        acked: list[Any] = []
        await self.handlers[event](self.socket, data, acked.append)
        return acked

    async def send(self, event: str, data: Any = None) -> Emitted:
        """Send an event without an ack, and return the emitted events."""
        await self.handlers[event](self.socket, data, None)
        return self.emitted

    async def call_unknown(self, event: str) -> list[Any]:
        """Send an event that no gateway handles, and return the arguments of each ack."""
        acked: list[Any] = []
        await compile_unknown_event([self.definition])(self.socket, event, None, acked.append)
        return acked

    async def connect(self, timeout_seconds: float = 10.0) -> bool:
        """Connect the client, and return whether the gateway admits it."""
        connect = compile_connect([self.definition], timeout_seconds)
        return connect is None or await connect(self.socket)

    async def disconnect(self, reason: str) -> None:
        hook = compile_disconnect(self.definition)
        assert hook is not None
        await hook(self.socket, reason)


def boot_error(gateway: object) -> str:
    with pytest.raises(BootError) as caught:
        Driver(gateway)
    return str(caught.value)


def _instance(reference: object, subject: str) -> Any:
    """Return an instance unchanged; call a class without arguments, as a container does."""
    del subject
    return reference() if isinstance(reference, type) else reference

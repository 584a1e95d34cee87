"""A small gateway that does what its clients ask for and writes down what happens to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from dependency_injector import containers, providers

from app.framework import (
    CanActivate,
    ConnectedSocket,
    ExecutionContext,
    MessageBody,
    Socket,
    WebSocketServer,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from tests.deadlines import ANSWER_SECONDS

Body = Annotated[Any, MessageBody()]
Client = Annotated[Socket, ConnectedSocket()]


class Journal:
    """What happened, in order; tests wait for entries."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, ...]] = []
        self._grown = asyncio.Event()

    def note(self, *entry: str) -> None:
        """One more thing happened."""
        self.entries.append(entry)
        self._grown.set()

    def of(self, kind: str) -> list[tuple[str, ...]]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry[0] == kind]

    async def until(self, happened: Callable[["Journal"], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while not happened(self):
                self._grown.clear()
                await self._grown.wait()

    async def until_count(self, kind: str, count: int = 1) -> list[tuple[str, ...]]:
        """Wait for so many entries of a kind, and give them."""
        await self.until(lambda journal: len(journal.of(kind)) >= count)
        return self.of(kind)


class Gate:
    """Holds who passes by until the test opens it."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()


class ProbeGuard(CanActivate):
    """Fails on connect in the way that the client's ``auth.guard`` names."""

    def __init__(self, gate: Gate, journal: Journal) -> None:
        self._gate = gate
        self._journal = journal

    async def can_activate(self, context: ExecutionContext) -> bool:
        """Whether ``auth.guard`` says nothing to the contrary."""
        client = context.switch_to_ws().get_client()
        match client.handshake.auth.get("guard"):
            case "refuse":
                return False
            case "raise":
                raise RuntimeError("the guard is broken")
            case "timeout":
                raise TimeoutError
            case "cancel":
                raise asyncio.CancelledError
            case "wait":
                self._journal.note("waiting", client.id)
                await self._gate.opened.wait()
        return True


@web_socket_gateway()
@use_guards(ProbeGuard)
class ProbeGateway:
    """Every socket is in the room ``all``, and in ``auth.room``."""

    server = WebSocketServer()

    def __init__(self, gate: Gate, journal: Journal) -> None:
        self._gate = gate
        self._journal = journal

    async def handle_connection(self, client: Socket) -> None:
        """Join, and fail in the way that ``auth.hook`` names."""
        self._journal.note("connection", client.id, client.handshake.address)
        client.join("all")
        match client.handshake.auth.get("hook"):
            case "raise":
                raise RuntimeError("the hook is broken")
            case "timeout":
                raise TimeoutError("the hook's own")
            case "disconnect":
                client.disconnect()
            case "hang":
                await asyncio.Event().wait()

    async def handle_disconnect(self, client: Socket, reason: str) -> None:
        """Write it down."""
        self._journal.note("disconnect", client.id, reason)

    @subscribe_message("echo")
    async def echo(self, client: Client, body: Body) -> Any:
        """The payload as the ack."""
        self._journal.note("event", client.id, str(body)[:40])
        return body

    @subscribe_message("slow")
    async def slow(self, client: Client, body: Body) -> Any:
        """The payload as the ack, once the gate is open."""
        self._journal.note("begun", client.id, str(body))
        await self._gate.opened.wait()
        self._journal.note("event", client.id, str(body))
        return body

    @subscribe_message("tell")
    async def tell(self, body: Body) -> Any:
        """The payload to everybody."""
        self.server.to("all").emit("told", body)
        return "told"

    @subscribe_message("murmur")
    async def murmur(self, body: Body) -> Any:
        """The payload to everybody who listens."""
        self.server.to("all").volatile.emit("murmured", body)
        return "murmured"

    @subscribe_message("kick")
    async def kick(self, client: Client, body: Body) -> None:
        """End the asker; its whole connection with a true payload."""
        client.disconnect(close=bool(body))

    @subscribe_message("stream")
    async def stream(self, client: Client, body: Body) -> AsyncIterator[Any]:
        """The payload as the ack, then nothing until the gate is open, then an event."""
        try:
            yield body
            self._journal.note("streaming", client.id, str(body))
            await self._gate.opened.wait()
            yield {"event": "streamed", "data": body}
        finally:
            self._journal.note("stream ended", client.id, str(body))

    @subscribe_message("unserialisable")
    async def unserialisable(self) -> Any:
        """What JSON has no form for."""
        return object()


class ProbeModule(containers.DeclarativeContainer):
    """The probe and what tests reach of it."""

    journal = providers.Singleton(Journal)
    gate = providers.Singleton(Gate)
    guard = providers.Singleton(ProbeGuard, gate, journal)
    gateway = providers.Singleton(ProbeGateway, gate, journal)

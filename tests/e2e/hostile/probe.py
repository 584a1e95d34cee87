"""A small gateway whose behaviour clients choose. It records its calls."""

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
    WsTooManyRequests,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from tests.deadlines import ANSWER_SECONDS

Body = Annotated[Any, MessageBody()]
Client = Annotated[Socket, ConnectedSocket()]


class Journal:
    """Records calls in order, and lets tests wait for entries."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, ...]] = []
        self._grown = asyncio.Event()

    def note(self, *entry: str) -> None:
        self.entries.append(entry)
        self._grown.set()

    def of(self, kind: str) -> list[tuple[str, ...]]:
        return [entry for entry in self.entries if entry[0] == kind]

    async def until(self, happened: Callable[["Journal"], bool]) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            while not happened(self):
                self._grown.clear()
                await self._grown.wait()

    async def until_count(self, kind: str, count: int = 1) -> list[tuple[str, ...]]:
        await self.until(lambda journal: len(journal.of(kind)) >= count)
        return self.of(kind)


class ProbeGuard(CanActivate):
    """A guard that fails at CONNECT in the way that ``auth.guard`` of the client names."""

    def __init__(self, release: asyncio.Event, journal: Journal) -> None:
        self._release = release
        self._journal = journal

    async def can_activate(self, context: ExecutionContext) -> bool:
        """Refuse, raise or wait, depending on ``auth.guard``. By default, admit the client."""
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
                await self._release.wait()
        return True


@web_socket_gateway()
@use_guards(ProbeGuard)
class ProbeGateway:
    """A gateway that puts every socket into the room ``all``."""

    server = WebSocketServer()

    def __init__(self, release: asyncio.Event, journal: Journal) -> None:
        self._release = release
        self._journal = journal

    async def handle_connection(self, client: Socket) -> None:
        """Join the room ``all``. If ``auth.hook`` names a failure, then fail in this way."""
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
        self._journal.note("disconnect", client.id, reason)

    @subscribe_message("echo")
    async def echo(self, client: Client, body: Body) -> Any:
        self._journal.note("event", client.id, str(body)[:40])
        return body

    @subscribe_message("slow")
    async def slow(self, client: Client, body: Body) -> Any:
        self._journal.note("begun", client.id, str(body))
        await self._release.wait()
        self._journal.note("event", client.id, str(body))
        return body

    @subscribe_message("publish")
    async def publish(self, body: Body) -> Any:
        self.server.to("all").emit("published", body)
        return "published"

    @subscribe_message("volatile")
    async def publish_volatile(self, body: Body) -> Any:
        self.server.to("all").volatile.emit("volatile", body)
        return "published"

    @subscribe_message("kick")
    async def kick(self, client: Client, body: Body) -> None:
        """Disconnect the client. If the payload is true, also close the connection."""
        client.disconnect(close=bool(body))

    @subscribe_message("limited")
    async def limited(self, client: Client) -> None:
        """Reject the event with the rate limit's error and a retry time of one minute."""
        self._journal.note("limited", client.id)
        raise WsTooManyRequests(60_000)

    @subscribe_message("stream")
    async def stream(self, client: Client, body: Body) -> AsyncIterator[Any]:
        """Ack the payload, and emit an event after the test has set `release`."""
        try:
            yield body
            self._journal.note("streaming", client.id, str(body))
            await self._release.wait()
            yield {"event": "streamed", "data": body}
        finally:
            self._journal.note("stream ended", client.id, str(body))

    @subscribe_message("unserialisable")
    async def unserialisable(self) -> Any:
        """Return an object that cannot be serialised as JSON."""
        return object()


class ProbeModule(containers.DeclarativeContainer):
    """The module of the probe gateway, with the objects that tests use."""

    journal = providers.Singleton(Journal)
    release = providers.Singleton(asyncio.Event)
    guard = providers.Singleton(ProbeGuard, release, journal)
    gateway = providers.Singleton(ProbeGateway, release, journal)

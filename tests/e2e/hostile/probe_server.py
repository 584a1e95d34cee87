"""Runs the probe gateway and the real transport in the test's process, to count leaked objects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.framework import EngineOptions, IoAdapter, IoOptions, NestApplication
from app.framework.platform_socketio.socket_io.server import SocketServer
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.hostile.probe import Journal, ProbeModule
from tests.e2e.hostile.raw_client import RawClient, websocket_client


@dataclass(frozen=True)
class ProbeServer:
    """A listening probe gateway, and the objects that it could leak."""

    url: str
    journal: Journal
    release: asyncio.Event
    application: NestApplication
    sockets: SocketServer
    _outer_tasks: set[asyncio.Task[Any]]

    def client(
        self, headers: dict[str, str] | None = None, receive_buffer: int | None = None
    ) -> AbstractAsyncContextManager[RawClient]:
        """Open a connection without sending CONNECT."""
        return websocket_client(self.url, headers, receive_buffer=receive_buffer)

    @asynccontextmanager
    async def admitted(self, auth: object = None) -> AsyncIterator[tuple[RawClient, str]]:
        """Connect a client to the default namespace; yield it with its socket id."""
        async with self.client() as client:
            client.connect(auth)
            head, data = await client.receive_packet()
            assert "40" == head
            yield client, data["sid"]

    def residue(self) -> dict[str, int]:
        """Count the objects that the transport keeps for clients.

        Without clients, all counts are 0.
        """
        manager, batcher = self.sockets.manager, self.sockets.batcher
        return {
            "connections": len(self.sockets.eio.sockets),
            "ending": len(self.sockets._closed_connections._timers),
            "unadmitted": len(self.sockets.eio.admission_limiter._networks),
            "rooms": sum(len(room.members) for room in manager.rooms_in("/").groups.values()),
            "callbacks": len(manager.callbacks),
            "heartbeats": sum(len(slot) for slot in self.sockets.heartbeat._slots),
            "expected": len(self.sockets.heartbeat._connect_deadlines),
            "unsent": len(batcher._single_frames)
            + len(batcher._queued_groups)
            + len(batcher.stalled),
        }

    async def idle_tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that run even without clients: the heartbeat, and idle workers."""
        async with self.admitted():
            pass
        await self.until_empty()
        heartbeat = self.sockets.heartbeat._task
        assert heartbeat is not None
        test = asyncio.current_task()
        assert test is not None
        ((_, spare),) = self.sockets.tasks._spares
        return {heartbeat, test, spare, *self._outer_tasks}

    async def until_empty(self) -> None:
        """Wait until the transport keeps no objects for clients."""
        await eventually(lambda: not any(self.residue().values()), self.residue)


@asynccontextmanager
async def probe_server(options: EngineOptions) -> AsyncIterator[ProbeServer]:
    adapter = IoAdapter(IoOptions(engine=options))
    application = NestApplication(ProbeModule(), adapter)
    outer_tasks = asyncio.all_tasks()
    url = await application.listen(0)
    try:
        yield ProbeServer(
            url,
            application.get(Journal),
            application.get(asyncio.Event),
            application,
            adapter._servers["/socket.io"],
            outer_tasks,
        )
    finally:
        await application.close()


async def eventually(
    holds: Callable[[], bool],
    state: Callable[[], object],
) -> None:
    """Poll until the condition holds. The timeout's error shows the result of ``state``."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ANSWER_SECONDS
    while not holds():
        assert loop.time() < deadline, state()
        await asyncio.sleep(0.005)

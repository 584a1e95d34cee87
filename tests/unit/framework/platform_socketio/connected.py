import asyncio

from app.concurrency.eager import EagerTasks
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.connection import Connection
from app.framework.platform_socketio.engine_io.connection_owner import Handling, NamespaceLink
from app.framework.platform_socketio.errors import MalformedPacketError
from app.framework.platform_socketio.websocket.heartbeat import Heartbeat
from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest
from app.framework.platform_socketio.websocket.write_batcher import WriteBatcher
from tests.unit.framework.platform_socketio import client_frames
from tests.unit.framework.platform_socketio.fake_transport import FakeTransport

MAX_MESSAGE_BYTES = 200_000
MAX_QUEUE_BYTES = 1_000
MAX_PACKETS = 20_000


ClientConnection = Connection[NamespaceLink]


class Owner:
    """A `ConnectionOwner` that handles a message ``4<text>`` by recording the text.

    The message ``4wait`` is recorded when the test sets ``gate``. A message ``4pause <seconds>``
    delays the connection's later messages.
    """

    def __init__(self) -> None:
        self.tasks = EagerTasks()
        self.batcher = WriteBatcher()
        self.heartbeat = Heartbeat(25.0, 20.0, 10.0)
        self.max_packets_per_second = MAX_PACKETS
        self.floods = 0
        self.gate = asyncio.Event()
        self.handled: list[str] = []
        self.closed: list[DisconnectReason] = []
        self.gone = 0

    def handle_message(
        self, connection: ClientConnection, message: str, attachments: tuple[bytes, ...] = ()
    ) -> Handling | None:
        del attachments
        text = message[1:]
        if text == "malformed":
            raise MalformedPacketError
        if text == "close":
            connection.close(DisconnectReason.SERVER_NAMESPACE_DISCONNECT)
        if text.startswith("pause "):
            return self._handle_pause(connection, text)
        return self._work(f"{connection.sid}:{text}", waits=text == "wait", fails=text == "fail")

    def handle_awaited_ack(
        self, connection: ClientConnection, message: str, attachments: tuple[bytes, ...] = ()
    ) -> bool:
        del attachments
        if message == "43awaited":
            self.handled.append(f"{connection.sid}:awaited")
        return message == "43awaited"

    def connection_closed(self, connection: ClientConnection, reason: DisconnectReason) -> None:
        del connection
        self.closed.append(reason)

    def connection_tcp_closed(self, connection: ClientConnection) -> None:
        del connection
        self.gone += 1

    def connection_flooded(self, connection: ClientConnection) -> None:
        del connection
        self.floods += 1

    async def _handle_pause(self, connection: ClientConnection, text: str) -> None:
        await connection.pause_events(float(text.removeprefix("pause ")))
        self.handled.append(f"{connection.sid}:{text}")

    async def _work(self, text: str, *, waits: bool, fails: bool) -> None:
        if waits:
            await self.gate.wait()
        if fails:
            raise ArithmeticError
        self.handled.append(text)


class Client:
    """A client of the owner, with a fake transport."""

    def __init__(self, owner: Owner, sid: str) -> None:
        self.transport = FakeTransport()
        self.connection: ClientConnection = Connection(
            sid,
            self.transport,
            UpgradeRequest({}, {}, ""),
            owner,
            MAX_MESSAGE_BYTES,
            MAX_QUEUE_BYTES,
        )
        self.transport.give(self.connection)

    def send(self, *texts: str) -> None:
        """Send several text frames in one TCP segment."""
        sent = [client_frames.text(text.encode()) for text in texts]
        self.connection.data_received(b"".join(sent))


async def ticks() -> None:
    """Let the event loop run the callbacks that are scheduled now."""
    for _ in range(5):
        await asyncio.sleep(0)

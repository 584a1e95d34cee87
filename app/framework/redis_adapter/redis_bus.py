"""`RedisBus`: publishes and receives messages through the channels of a Redis server."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.framework.common.exceptions import BootError
from app.framework.redis_adapter.channels import PATTERN, PLAIN, SHARDED, Channel
from app.framework.redis_adapter.payload import DroppedMessageError

Receive = Callable[[bytes, bytes], None]
"""Takes the name of the channel and the payload of a received message. It must not block."""

ANSWER_SECONDS = 2.0
"""The time limit for connecting, and for an answer of Redis."""
PING_SECONDS = 2.0
"""After this time without a message, the subscriber pings Redis."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0
MAX_QUEUED_BYTES = 16 * 1024 * 1024
"""The maximum total size of the messages that wait to be published; further ones are dropped."""
_MESSAGES_AT_ONCE = 64
"""After this number of messages, the subscriber lets other tasks run."""
_OPTIONS = {
    "retry": Retry(NoBackoff(), 0),
    "socket_connect_timeout": ANSWER_SECONDS,
    "socket_timeout": None,
    "health_check_interval": 0,  # the replies would arrive among the messages
    "protocol": 2,
    "legacy_responses": True,
    "decode_responses": False,
    "driver_info": None,
}

_log = structlog.stdlib.get_logger("RedisBus")


class RedisBus:
    """Publishes on one connection, and subscribes on another; reconnects with growing pauses.

    All messages that are published in one iteration of the event loop leave in one write. A message
    is lost if the connection breaks before Redis has answered: it is not sent again, because the
    other nodes may have received it.

    Attributes:
        dropped: The number of dropped messages by reason. Messages that were not published:
            ``queue_full`` and ``connection_lost``. Received messages: ``malformed``,
            ``unknown_type``, and ``too_many_answers`` for requests that were not answered.

    Raises:
        BootError: The URL is invalid.
    """

    def __init__(self, url: str) -> None:
        try:
            self._pool = ConnectionPool.from_url(url, **_OPTIONS)
        except ValueError as error:
            # Do not quote the URL: it may contain a password.
            raise BootError(
                "the URL of the cluster's Redis must be redis://[[user]:password@]host[:port][/db]"
            ) from error
        self.dropped: Counter[str] = Counter()
        self._receivers: dict[Channel, list[Receive]] = {}
        self._subscriber = _Task("cluster-subscriber")
        self._publisher = _Task("cluster-publisher")
        self._commands: list[tuple[bytes, ...]] = []
        self._has_commands = asyncio.Event()
        self._queue: list[tuple[bytes, bytes, bytes]] = []
        self._queued_bytes = 0
        self._has_messages = asyncio.Event()
        self._is_queue_empty = asyncio.Event()
        self._is_queue_empty.set()
        self._is_subscribed = asyncio.Event()
        self._has_subscribed = False
        """Whether the first command of the present connection, which subscribes to all channels, is
        on its way."""

    @property
    def is_connected(self) -> bool:
        """Whether the node receives the messages of other nodes now."""
        return self._is_subscribed.is_set()

    async def open(self) -> None:
        """Start both connections. Wait until Redis has confirmed the subscriptions so far.

        If Redis does not answer within `ANSWER_SECONDS`, connecting continues in the background.
        """
        self._subscriber.start(self._keep_connected(self._receive_messages))
        self._publisher.start(self._keep_connected(self._publish_messages))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._is_subscribed.wait()
        except TimeoutError:
            _log.warning("the cluster's Redis does not answer; other nodes are not reached")

    async def close(self) -> None:
        """Publish the waiting messages, unless this takes long; then close both connections."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._is_queue_empty.wait()
        except TimeoutError:
            self.dropped["connection_lost"] += len(self._queue)
        await self._subscriber.stop()
        await self._publisher.stop()

    def publish(self, channel: Channel, payload: bytes) -> bool:
        """Queue a message for all subscribers of a channel; return False if the queue is full."""
        if self._queued_bytes + len(payload) > MAX_QUEUED_BYTES:
            self.dropped["queue_full"] += 1
            return False
        self._queue.append((channel.publish, channel.name, payload))
        self._queued_bytes += len(payload)
        self._has_messages.set()
        self._is_queue_empty.clear()
        return True

    def subscribe(self, channel: Channel, receive: Receive) -> None:
        """Call a function for each message of a channel or pattern.

        If the function raises DroppedMessageError, the message is counted in ``dropped``.
        """
        receivers = self._receivers.setdefault(channel, [])
        receivers.append(receive)
        if len(receivers) == 1:
            self._command(channel.subscribe, channel.name)

    def unsubscribe(self, channel: Channel, receive: Receive) -> None:
        """Undo `subscribe`."""
        receivers = self._receivers.get(channel, [])
        if receive in receivers:
            receivers.remove(receive)
            if not receivers:
                del self._receivers[channel]
                self._command(channel.unsubscribe, channel.name)

    async def subscriber_count(self, channel: Channel) -> int:
        """Return the number of nodes that have subscribed to a channel.

        Raises:
            ConnectionError: Redis does not answer.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._connection() as connection:
                await connection.send_command("PUBSUB", channel.numsub, channel.name)
                _, count = await connection.read_response()
                return int(count)
        except (OSError, RedisError) as error:
            raise ConnectionError("the cluster's Redis does not answer") from error

    def _command(self, *command: bytes) -> None:
        # Before, the command is not needed: the first command subscribes to all channels.
        if self._has_subscribed:
            self._commands.append(command)
            self._has_commands.set()

    async def _keep_connected(
        self, use: Callable[[AbstractConnection], Coroutine[Any, Any, None]]
    ) -> None:
        """Use a connection until it breaks; then open another one, and so on."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with self._connection() as connection:
                    await use(connection)
            except (OSError, RedisError, ExceptionGroup) as error:
                _log.warning(
                    "a connection to the cluster's Redis was lost", error=type(error).__name__
                )
            if asyncio.get_running_loop().time() - began > MAX_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            # With jitter, the nodes that have lost Redis together do not return together.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not for security
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        connection: AbstractConnection = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    async def _publish_messages(self, connection: AbstractConnection) -> None:
        while True:
            await self._has_messages.wait()
            self._has_messages.clear()
            batch, self._queue = self._queue, []
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.send_packed_command(connection.pack_commands(batch))
                    for _ in batch:
                        await connection.read_response()
            except BaseException:
                self.dropped["connection_lost"] += len(batch)
                raise
            finally:
                self._queued_bytes -= sum(len(payload) for _, _, payload in batch)
                if not self._queue:
                    self._is_queue_empty.set()

    async def _receive_messages(self, connection: AbstractConnection) -> None:
        channels = list(self._receivers)
        self._commands.clear()
        self._has_subscribed = True
        try:
            await self._subscribe_to(connection, channels)
            self._is_subscribed.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(connection))
                tasks.create_task(self._write(connection))
        finally:
            self._has_subscribed = False
            self._is_subscribed.clear()

    async def _subscribe_to(self, connection: AbstractConnection, channels: list[Channel]) -> None:
        commands = [(each.subscribe, each.name) for each in channels]
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.send_packed_command(connection.pack_commands(commands))
            unconfirmed = len(channels)
            while unconfirmed:
                # Messages of the first channels may arrive before the last confirmations.
                if not self._deliver(await connection.read_response()):
                    unconfirmed -= 1

    async def _read(self, connection: AbstractConnection) -> None:
        is_pinged = False
        count = 0
        while True:
            reply = await connection.read_response(timeout=PING_SECONDS)
            if reply is None:
                if is_pinged:
                    raise RedisConnectionError("no reply to a ping")
                is_pinged = True
                await connection.send_command("PING")
                continue
            is_pinged = False
            self._deliver(reply)
            count += 1
            if count % _MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _deliver(self, reply: Any) -> bool:
        """Pass a message to its receivers; return False if the reply is no message."""
        match reply:
            case [b"smessage", name, payload]:
                channel = Channel(SHARDED, name)
            case [b"message", name, payload]:
                channel = Channel(PLAIN, name)
            case [b"pmessage", pattern, name, payload]:
                channel = Channel(PATTERN, pattern)
            case _:
                return False
        for receive in tuple(self._receivers.get(channel, ())):
            try:
                receive(name, payload)
            except DroppedMessageError as error:
                self.dropped[error.reason] += 1
            except Exception:  # noqa: BLE001 - one message must not end the subscription
                self.dropped["malformed"] += 1
                _log.exception("a message of another node failed")
        return True

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            await self._has_commands.wait()
            self._has_commands.clear()
            commands, self._commands = self._commands, []
            await connection.send_packed_command(connection.pack_commands(commands))


class _Task:
    """A background task without the context of its starter."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.create_task(coroutine, name=self._name, context=Context())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

"""`RedisBus`: publishes and receives messages through the channels of a Redis server."""

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, NamedTuple

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from app.framework.common.minute_log import MinuteLog
from app.framework.redis_adapter.channels import PATTERN, PLAIN, SHARDED, Channel
from app.framework.redis_adapter.payload import MAX_PAYLOAD_BYTES, DroppedMessageError
from app.framework.redis_adapter.redis_connections import ANSWER_SECONDS, RedisConnections, send

Receive = Callable[[bytes, bytes], None]
"""Takes the name of the channel and the payload of a received message. It must not block."""

PING_SECONDS = 2.0
"""After this time without a reply, Redis is pinged."""
MAX_QUEUED_BYTES = 16 * 1024 * 1024
"""The maximum total size of the messages that wait to be published; further ones are dropped."""
_MESSAGES_AT_ONCE = 64
"""After this number of messages, the subscriber lets other tasks run."""
_COMMANDS_AT_ONCE = 500
"""The maximum number of commands for which one time limit applies."""

_log = structlog.stdlib.get_logger("RedisBus")


class _Command(NamedTuple):
    """A command of the publisher.

    Attributes:
        answer: Receives the reply of Redis; None if the command publishes a message.
    """

    parts: tuple[bytes, ...]
    answer: asyncio.Future[Any] | None = None


class RedisBus:
    """Publishes on one connection, and subscribes on another; reconnects with growing pauses.

    All messages that are published in one iteration of the event loop leave in one write. A message
    is lost if the connection breaks before Redis has answered: it is not sent again, because the
    other nodes may have received it.

    Attributes:
        node_id: The id of this node in its messages.
        dropped: The number of dropped messages by reason. Messages that were not published:
            ``queue_full``, ``connection_lost``, ``not_connected`` (volatile events), ``too_long``,
            and ``refused`` by Redis. Received messages: ``malformed``, ``unknown_type``, and
            ``too_many_answers`` for requests that were not answered.

    Raises:
        BootError: The URL is invalid.
    """

    def __init__(self, url: str) -> None:
        self.node_id = secrets.token_hex(8)
        self.dropped: Counter[str] = Counter()
        self._connections = RedisConnections(url)
        self._receivers: dict[Channel, dict[Receive, int]] = {}
        """The functions that receive the messages of a channel, and how often each has subscribed.
        Different names of rooms may have the same channel; see `Channel`."""
        self._subscriber = _Task("cluster-subscriber")
        self._publisher = _Task("cluster-publisher")
        self._commands: list[tuple[bytes, ...]] = []
        self._has_commands = asyncio.Event()
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._ping_numbers = count()
        self._replied_at = 0.0
        """The time of the last reply to the subscriber."""
        self._queue: list[_Command] = []
        self._queued_bytes = 0
        self._has_messages = asyncio.Event()
        self._is_queue_empty = asyncio.Event()
        self._is_queue_empty.set()
        self._can_publish = asyncio.Event()
        self._is_subscribed = asyncio.Event()
        self._has_subscribed = False
        """Whether the first command of the present connection, which subscribes to all channels, is
        on its way."""
        self._failures = MinuteLog(_log_failure)
        self._on_connected: list[Callable[[], None]] = []
        self._has_dropped = False
        """Whether the queue was too full for a message that other nodes do not know of yet."""

    @property
    def is_connected(self) -> bool:
        """Whether the node exchanges messages with other nodes now."""
        return self._is_subscribed.is_set() and self._can_publish.is_set()

    def when_connected(self, callback: Callable[[], None]) -> None:
        """See `Cluster.when_connected`. The function must neither raise nor take long."""
        self._on_connected.append(callback)

    async def open(self) -> None:
        """Start both connections. Wait until Redis has confirmed the subscriptions so far.

        If Redis does not answer within `ANSWER_SECONDS`, connecting continues in the background.
        """
        self._subscriber.start(self._connections.keep_open(self._receive_messages))
        self._publisher.start(self._connections.keep_open(self._publish_messages))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._is_subscribed.wait()
                await self._can_publish.wait()
        except TimeoutError:
            _log.warning("not connected to the cluster's Redis yet; other nodes are not reached")

    async def close(self) -> None:
        """Publish the waiting messages, unless this takes long; then close both connections."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._is_queue_empty.wait()
        except TimeoutError:
            self._fail(self._queue)
        await self._subscriber.stop()
        await self._publisher.stop()

    def publish(self, channel: Channel, payload: bytes, *, volatile: bool = False) -> bool:
        """Queue a message for all subscribers of a channel; return False if it was dropped.

        A volatile message is dropped unless the connection is open.
        """
        reason = None
        if len(payload) > MAX_PAYLOAD_BYTES:
            reason = "too_long"
        elif self._queued_bytes + len(payload) > MAX_QUEUED_BYTES:
            reason = "queue_full"
        elif volatile and not self._can_publish.is_set():
            reason = "not_connected"
        if reason is not None:
            self.dropped[reason] += 1
            self._has_dropped = self._has_dropped or reason == "queue_full"
            return False
        self._queued_bytes += len(payload)
        self._enqueue(_Command((channel.publish, channel.name, payload)))
        return True

    def subscribe(self, channel: Channel, receive: Receive) -> None:
        """Call a function for each message of a channel or pattern.

        A function that subscribes several times is called once for each message, until it has
        unsubscribed as often. If it raises DroppedMessageError, the message is counted in
        ``dropped``.
        """
        receivers = self._receivers.get(channel)
        if receivers is None:
            self._receivers[channel] = {receive: 1}
            self._command(channel.subscribe, channel.name)
        else:
            receivers[receive] = receivers.get(receive, 0) + 1

    def unsubscribe(self, channel: Channel, receive: Receive) -> None:
        """Undo `subscribe`."""
        receivers = self._receivers.get(channel, {})
        if receive in receivers:
            receivers[receive] -= 1
            if not receivers[receive]:
                del receivers[receive]
            if not receivers:
                del self._receivers[channel]
                self._command(channel.unsubscribe, channel.name)

    async def count_other_nodes(self, channel: Channel) -> int:
        """Return how many other nodes have subscribed to a channel.

        When this returns, Redis has confirmed the subscriptions of this node so far.

        Raises:
            ConnectionError: Redis does not answer, or this node does not receive messages.
        """
        await self.confirm_subscriptions()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                is_subscribed = channel in self._receivers
                _, nodes = await self._ask_redis(b"PUBSUB", channel.numsub, channel.name)
        except (OSError, RedisError) as error:
            raise ConnectionError("the cluster's Redis does not answer") from error
        return int(nodes) - is_subscribed

    async def confirm_subscriptions(self) -> None:
        """Wait until Redis has confirmed the subscriptions so far.

        Raises:
            ConnectionError: Redis does not answer, or this node does not receive messages.
        """
        if not self.is_connected:
            raise ConnectionError("the node is not connected to the cluster's Redis")
        number = b"%d" % next(self._ping_numbers)
        self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._command(b"PING", number)
                await self._pings[number]
        except TimeoutError:
            raise ConnectionError("the cluster's Redis does not answer") from None
        finally:
            del self._pings[number]

    def _call_when_connected(self) -> None:
        self._has_dropped = False
        if self.is_connected:
            for callback in self._on_connected:
                callback()

    async def _ask_redis(self, *parts: bytes) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._enqueue(_Command(parts, answer))
        return await answer

    def _command(self, *command: bytes) -> None:
        # Before, the command is not needed: the first command subscribes to all channels.
        if self._has_subscribed:
            self._commands.append(command)
            self._has_commands.set()

    def _enqueue(self, command: _Command) -> None:
        self._queue.append(command)
        self._has_messages.set()
        self._is_queue_empty.clear()

    def _fail(self, commands: list[_Command]) -> None:
        """Count messages that were perhaps not published, and fail requests to Redis."""
        for command in commands:
            if command.answer is None:
                self.dropped["connection_lost"] += 1
            elif not command.answer.done():
                command.answer.set_exception(RedisConnectionError("the connection was lost"))
                command.answer.exception()  # a ping has no task that awaits its answer

    async def _publish_messages(self, connection: AbstractConnection) -> None:
        self._can_publish.set()
        self._call_when_connected()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publish_queue(connection))
                tasks.create_task(self._ping_if_idle())
        finally:
            self._can_publish.clear()

    async def _publish_queue(self, connection: AbstractConnection) -> None:
        while True:
            await self._has_messages.wait()
            batch = self._queue[:_COMMANDS_AT_ONCE]
            del self._queue[:_COMMANDS_AT_ONCE]
            if not self._queue:
                self._has_messages.clear()
            answered = 0
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await send(connection, [each.parts for each in batch])
                    for command in batch:
                        await self._read_answer(connection, command)
                        answered += 1
            except BaseException:
                self._fail(batch[answered:])
                raise
            finally:
                self._queued_bytes -= sum(
                    len(each.parts[-1]) for each in batch if each.answer is None
                )
                if not self._queue:
                    self._is_queue_empty.set()
            if self._has_dropped:  # the queue has room again
                self._call_when_connected()

    async def _read_answer(self, connection: AbstractConnection, command: _Command) -> None:
        try:
            reply = await connection.read_response()
        except ResponseError as error:  # the replies to the other commands follow
            if command.answer is None:
                self.dropped["refused"] += 1
                self._failures.count("Redis refused a message", str(error)[:100])
            elif not command.answer.done():
                command.answer.set_exception(error)
            return
        if command.answer is not None and not command.answer.done():
            command.answer.set_result(reply)

    async def _ping_if_idle(self) -> None:
        """Notice that the connection is broken before a message is lost."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if not self._queue:
                self._enqueue(_Command((b"PING",), asyncio.get_running_loop().create_future()))

    async def _receive_messages(self, connection: AbstractConnection) -> None:
        channels = list(self._receivers)
        self._commands.clear()
        self._has_subscribed = True
        try:
            for start in range(0, len(channels), _COMMANDS_AT_ONCE):
                chunk = channels[start : start + _COMMANDS_AT_ONCE]
                await self._subscribe_to(connection, chunk)
                await asyncio.sleep(0)
            self._replied_at = asyncio.get_running_loop().time()
            self._is_subscribed.set()
            self._call_when_connected()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(connection))
                tasks.create_task(self._write(connection))
                tasks.create_task(self._watch())
        finally:
            self._has_subscribed = False
            self._is_subscribed.clear()

    async def _subscribe_to(self, connection: AbstractConnection, channels: list[Channel]) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            await send(connection, [(each.subscribe, each.name) for each in channels])
            unconfirmed = len(channels)
            while unconfirmed:
                # Messages of the first channels may arrive before the last confirmations.
                if not self._deliver(await connection.read_response()):
                    unconfirmed -= 1

    async def _read(self, connection: AbstractConnection) -> None:
        # A time limit for each reply would start a timer for each message; see `_watch`.
        time = asyncio.get_running_loop().time
        for number in count(1):
            reply = await connection.read_response()
            self._replied_at = time()
            self._deliver(reply)
            if number % _MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _watch(self) -> None:
        """Ping Redis after a silence, and end the connection if it does not answer."""
        time = asyncio.get_running_loop().time
        while True:
            silence = time() - self._replied_at
            if silence < PING_SECONDS:
                await asyncio.sleep(PING_SECONDS - silence)
                continue
            pinged_at = time()
            self._command(b"PING")
            await asyncio.sleep(ANSWER_SECONDS)
            if self._replied_at < pinged_at:
                raise RedisConnectionError("no reply to a ping")

    def _deliver(self, reply: Any) -> bool:
        """Pass a message to its receivers; return False if the reply is no message."""
        match reply:
            case [b"smessage", name, payload]:
                channel = Channel(SHARDED, name)
            case [b"message", name, payload]:
                channel = Channel(PLAIN, name)
            case [b"pmessage", pattern, name, payload]:
                channel = Channel(PATTERN, pattern)
            case [b"pong", bytes(number)] | bytes(number):  # the latter without subscriptions
                ping = self._pings.get(number)
                if ping is not None and not ping.done():
                    ping.set_result(None)
                return False
            case _:
                return False
        for receive in tuple(self._receivers.get(channel, ())):
            try:
                receive(name, payload)
            except DroppedMessageError as error:
                self.dropped[error.reason] += 1
            except Exception as error:  # noqa: BLE001 - one message must not end the subscription
                self.dropped["malformed"] += 1
                self._failures.count("a message of another node failed", type(error).__name__)
        return True

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            await self._has_commands.wait()
            commands = self._commands[:_COMMANDS_AT_ONCE]
            del self._commands[:_COMMANDS_AT_ONCE]
            if not self._commands:
                self._has_commands.clear()
            await send(connection, commands)
            await asyncio.sleep(0)


def _log_failure(what: str, error: str, times: int) -> None:
    # The line at the end of the minute has no traceback.
    _log.error(what, error=error, times=times, exc_info=sys.exc_info()[0] is not None)


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

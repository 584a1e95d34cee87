"""`RedisBus`: publishes and receives messages through the channels of a Redis server."""

import asyncio
import secrets
import sys
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from app.framework.common.minute_log import MinuteLog
from app.framework.redis_adapter.background_task import BackgroundTask
from app.framework.redis_adapter.channels import PATTERN, PLAIN, SHARDED, Channel
from app.framework.redis_adapter.payload import MAX_PAYLOAD_BYTES, DroppedMessageError
from app.framework.redis_adapter.servers.redis_connection import ANSWER_SECONDS, RedisConnection
from app.framework.redis_adapter.servers.redis_connections import RedisConnections

Receive = Callable[[bytes, bytes], None]
"""Takes the name of the channel and the payload of a received message. It must not block."""

MAX_QUEUED_BYTES = 16 * 1024 * 1024
"""The maximum total size of the messages that wait to be published; further ones are dropped."""
_MAX_UNANSWERED = 500
"""The maximum number of commands without a reply. Further messages wait, so that few are lost when
the connection breaks.
"""
_SUBSCRIPTIONS_AT_ONCE = 500
"""The maximum number of subscriptions that Redis confirms within `ANSWER_SECONDS`."""
_MESSAGE_KINDS = {b"smessage": SHARDED, b"message": PLAIN, b"pmessage": PATTERN}
"""The kinds of channels, by the first entry of a received message."""

_log = structlog.stdlib.get_logger("RedisBus")


class Command(NamedTuple):
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
    """

    def __init__(self, connections: RedisConnections) -> None:
        self.node_id = secrets.token_hex(8)
        self.dropped: Counter[str] = Counter()
        self._connections = connections
        self._receivers: dict[Channel, dict[Receive, int]] = {}
        """The functions that receive the messages of a channel, and how often each has subscribed.
        Different names of rooms may have the same channel; see `Channel`."""
        self._subscriber = BackgroundTask("cluster-subscriber")
        self._publisher = BackgroundTask("cluster-publisher")
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._ping_numbers = count()
        self._queue: deque[Command] = deque()
        self._unanswered: deque[Command] = deque()
        """The commands that were sent to Redis, in the order of the replies."""
        self._queued_bytes = 0
        """The size of the messages in both queues."""
        self._is_queue_empty = asyncio.Event()
        self._is_queue_empty.set()
        self._publishing: RedisConnection | None = None
        self._subscribing: RedisConnection | None = None
        self._can_publish = asyncio.Event()
        self._is_subscribed = asyncio.Event()
        self._failures = MinuteLog(_log_failure)
        self._on_connected: list[Callable[[], None]] = []
        self._has_dropped = False
        """Whether the queue was full or Redis refused a message since `_call_when_connected`."""

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
        self._enqueue(Command((channel.publish, channel.name, payload)))
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
        await self._ping_subscriber()

    async def _ping_subscriber(self) -> None:
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
        self._enqueue(Command(parts, answer))
        return await answer

    def _command(self, *command: bytes) -> None:
        # Without a connection, send nothing: a new connection subscribes to all channels.
        if self._subscribing is not None:
            self._subscribing.send(*command)

    def _enqueue(self, command: Command) -> None:
        self._queue.append(command)
        self._is_queue_empty.clear()
        self._send_queued()

    def _send_queued(self) -> None:
        if self._publishing is not None:
            while self._queue and len(self._unanswered) < _MAX_UNANSWERED:
                command = self._queue.popleft()
                self._unanswered.append(command)
                self._publishing.send(*command.parts)

    def _settle(self, reply: Any) -> None:
        """Handle the reply to the first unanswered command."""
        command = self._unanswered.popleft()
        if command.answer is None:
            self._queued_bytes -= len(command.parts[-1])
            if isinstance(reply, ResponseError):
                self._refuse(command, reply)
        elif not command.answer.done():
            if isinstance(reply, ResponseError):
                command.answer.set_exception(reply)
            else:
                command.answer.set_result(reply)
        if self._queue:
            self._send_queued()
        elif not self._unanswered:
            self._is_queue_empty.set()
        if self._has_dropped and self._queued_bytes <= MAX_QUEUED_BYTES // 2:
            self._call_when_connected()

    def _refuse(self, command: Command, error: ResponseError) -> None:
        """Handle the error reply of Redis to a published message."""
        del command
        self.dropped["refused"] += 1
        self._has_dropped = True
        self._failures.count("Redis refused a message", str(error)[:100])

    def _fail(self, commands: deque[Command]) -> None:
        """Count messages that were perhaps not published, and fail requests to Redis."""
        for command in commands:
            if command.answer is None:
                self._queued_bytes -= len(command.parts[-1])
                self.dropped["connection_lost"] += 1
            elif not command.answer.done():
                command.answer.set_exception(RedisConnectionError("the connection was lost"))
                command.answer.exception()  # a ping has no task that awaits its answer
        commands.clear()
        if not self._queue:
            self._is_queue_empty.set()

    async def _publish_messages(self, connection: RedisConnection) -> None:
        connection.handle_reply = self._settle
        self._publishing = connection
        self._can_publish.set()
        try:
            self._send_queued()
            self._call_when_connected()
            await connection.watch(self._ping_publisher)
        finally:
            self._publishing = None
            self._can_publish.clear()
            self._fail(self._unanswered)

    def _ping_publisher(self) -> None:
        """Notice that the connection is broken before a message is lost."""
        self._enqueue(Command((b"PING",), asyncio.get_running_loop().create_future()))

    async def _receive_messages(self, connection: RedisConnection) -> None:
        connection.handle_reply = self._handle_reply
        self._subscribing = connection
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._subscribe_again())
                tasks.create_task(connection.watch(lambda: connection.send(b"PING")))
        finally:
            self._subscribing = None
            self._is_subscribed.clear()

    async def _subscribe_again(self) -> None:
        """Subscribe to the channels that have receivers. `subscribe` adds further ones."""
        channels = list(self._receivers)
        for start in range(0, len(channels), _SUBSCRIPTIONS_AT_ONCE):
            for channel in channels[start : start + _SUBSCRIPTIONS_AT_ONCE]:
                if channel in self._receivers:
                    self._command(channel.subscribe, channel.name)
            await self._ping_subscriber()
        self._is_subscribed.set()
        self._call_when_connected()

    def _handle_reply(self, reply: Any) -> None:
        """Handle a reply on the subscriber's connection: most are messages."""
        if isinstance(reply, list):
            kind = _MESSAGE_KINDS.get(reply[0])
            if kind is not None:
                self._deliver(Channel(kind, reply[1]), reply[-2], reply[-1])
            elif reply[0] == b"pong":
                self._confirm(reply[1])
        elif isinstance(reply, bytes):  # the reply to a ping without subscriptions
            self._confirm(reply)
        elif isinstance(reply, ResponseError):
            raise reply

    def _confirm(self, number: bytes) -> None:
        ping = self._pings.get(number)
        if ping is not None and not ping.done():
            ping.set_result(None)

    def _deliver(self, channel: Channel, name: bytes, payload: bytes) -> None:
        for receive in tuple(self._receivers.get(channel, ())):
            try:
                receive(name, payload)
            except DroppedMessageError as error:
                self.dropped[error.reason] += 1
            except Exception as error:  # noqa: BLE001 - one message must not end the subscription
                self.dropped["malformed"] += 1
                self._failures.count("a message of another node failed", type(error).__name__)


def _log_failure(what: str, error: str, times: int) -> None:
    # The line at the end of the minute has no traceback.
    _log.error(what, error=error, times=times, exc_info=sys.exc_info()[0] is not None)

"""Publishes and receives revocations through a Redis channel."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.keys import REVOCATIONS_CHANNEL
from app.adapters.redis.revocation_message import decode_revocation, encode_revocation
from app.concurrency.backoff import Backoff
from app.domain.credential import Revocation
from app.framework.redis_adapter.servers.redis_servers import MasterConnection
from app.ports import Clock, RevocationBus

PING_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class RedisRevocationBus(RevocationBus):
    """Publishes through the shared connection pool, and subscribes on a separate connection.

    The subscriber sends a ping after ``ping_seconds`` without a message. The subscriber reconnects
    if the reply takes longer than another ``ping_seconds``, or if the connection fails. So a broken
    subscription, or a new master named by the sentinels, is detected within twice ``ping_seconds``.
    The ``on_connected`` of every listener is called when the subscription begins, and after each
    reconnect.

    Args:
        timeout_seconds: The timeout for subscribing, including the time to connect.
    """

    def __init__(
        self,
        connection: RedisConnection,
        timeout_seconds: float,
        clock: Clock,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._ping_seconds = ping_seconds
        self._on_revoked: list[Callable[[Revocation], None]] = []
        self._on_connected: list[Callable[[], None]] = []
        self._backoff = Backoff(clock.monotonic)
        self._is_lost = False
        self._subscriber: asyncio.Task[None] | None = None

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Call ``on_revoked`` for every revocation that the subscription receives."""
        self._on_revoked.append(on_revoked)
        self._on_connected.append(on_connected)

    async def publish(self, revocation: Revocation) -> None:
        message = encode_revocation(revocation)

        async def command(redis: Redis) -> None:
            await redis.publish(REVOCATIONS_CHANNEL, message)

        await self._connection.run(command)

    async def on_module_init(self) -> None:
        """Start a background task that subscribes as soon as Redis answers."""
        self._subscriber = asyncio.create_task(
            self._keep_subscribed(), name="revocation-subscriber", context=Context()
        )

    async def on_module_destroy(self) -> None:
        """Unsubscribe. Listeners are not called after this."""
        if self._subscriber is not None:
            self._subscriber.cancel()
            await asyncio.wait([self._subscriber])

    async def _keep_subscribed(self) -> None:
        while True:
            await asyncio.sleep(self._backoff.next_seconds())
            try:
                async with self._subscription() as subscription:
                    self._report_subscribed()
                    await self._deliver(subscription)
            except (OSError, RedisError) as error:
                self._report_lost(error)
            except Exception:
                _logger.exception("the subscription to revocations failed")

    @asynccontextmanager
    async def _subscription(self) -> AsyncIterator[AbstractConnection]:
        # Do not use redis-py's PubSub: it resubscribes without a notification, so revocations
        # missed in between would go undetected.
        subscription = self._connection.new_connection()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await subscription.send_command("SUBSCRIBE", REVOCATIONS_CHANNEL)
                await subscription.read_response()
            yield subscription
        finally:
            await subscription.disconnect(nowait=True)

    async def _deliver(self, subscription: AbstractConnection) -> None:
        is_pinged = False
        while True:
            reply = await subscription.read_response(timeout=self._ping_seconds)
            if reply is not None:
                is_pinged = False
                self._receive(reply)
            elif isinstance(subscription, MasterConnection) and subscription.is_superseded:
                raise RedisConnectionError("the sentinels have named another master")
            elif is_pinged:
                raise RedisConnectionError("no reply to a ping")
            else:
                is_pinged = True
                async with asyncio.timeout(self._timeout_seconds):
                    await subscription.send_command("PING")

    def _receive(self, reply: object) -> None:
        match reply:
            case [b"message", _, bytes(message)]:
                try:
                    revocation = decode_revocation(message)
                except ValueError:
                    _logger.warning("ignored a malformed revocation message")
                    return
                for on_revoked in self._on_revoked:
                    on_revoked(revocation)

    def _report_subscribed(self) -> None:
        if self._is_lost:
            _logger.info("receiving revocations of other nodes again")
        self._is_lost = False
        self._backoff.succeeded()
        for on_connected in self._on_connected:
            on_connected()

    def _report_lost(self, error: Exception) -> None:
        if not self._is_lost:
            _logger.warning("cannot receive revocations of other nodes: %s", type(error).__name__)
        self._is_lost = True

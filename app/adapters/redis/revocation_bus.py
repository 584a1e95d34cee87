"""Word of revocations by Redis' publish and subscribe."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.adapters.redis.backoff import Backoff
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.keys import REVOCATIONS_CHANNEL
from app.adapters.redis.pool import redis_pool
from app.adapters.redis.revocation_message import decode_revocation, encode_revocation
from app.domain.credential import Revocation
from app.ports import Clock, RevocationBus

PING_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class RedisRevocationBus(RevocationBus):
    """Publishes by the shared connection and listens on one of its own.

    A subscription on which nothing is heard for ``ping_seconds`` is pinged; after as long again
    without an answer it is given up for a new one, as is one that fails. A node is so deaf for
    twice ``ping_seconds`` at most before it knows, and says when it hears again.

    Args:
        connection: To publish by.
        url: As ``REDIS_URL`` has it.
        timeout_seconds: For connecting and subscribing.
        clock: Says how long a subscription has lasted.
        ping_seconds: See above.

    Raises:
        RedisUrlError: The address cannot be used.
    """

    def __init__(
        self,
        connection: RedisConnection,
        url: str,
        timeout_seconds: float,
        clock: Clock,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._connection = connection
        self._pool = redis_pool(url, timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._ping_seconds = ping_seconds
        self._on_revoked: list[Callable[[Revocation], None]] = []
        self._on_connected: list[Callable[[], None]] = []
        self._backoff = Backoff(clock)
        self._is_deaf = False
        self._subscriber: asyncio.Task[None] | None = None

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Have every revocation told that is published while the subscription stands."""
        self._on_revoked.append(on_revoked)
        self._on_connected.append(on_connected)

    async def publish(self, revocation: Revocation) -> None:
        """Tell the nodes that are subscribed now; it may reach this one, too."""
        message = encode_revocation(revocation)

        async def command(redis: Redis) -> None:
            await redis.publish(REVOCATIONS_CHANNEL, message)

        await self._connection.run(command)

    async def on_module_init(self) -> None:
        """Begin to subscribe; Redis need not be there."""
        self._subscriber = asyncio.create_task(
            self._keep_subscribed(), name="revocation-subscriber", context=Context()
        )

    async def on_module_destroy(self) -> None:
        """Stop listening; nobody is told any more."""
        if self._subscriber is not None:
            self._subscriber.cancel()
            await asyncio.wait([self._subscriber])

    async def _keep_subscribed(self) -> None:
        while True:
            await asyncio.sleep(self._backoff.next_seconds())
            try:
                async with self._subscription() as subscription:
                    self._report_hearing()
                    await self._deliver(subscription)
            except (OSError, RedisError) as error:
                self._report_deafness(error)
            except Exception:
                _logger.exception("the subscription to revocations ended")

    @asynccontextmanager
    async def _subscription(self) -> AsyncIterator[AbstractConnection]:
        # Not redis-py's PubSub, which subscribes anew by itself and says so to nobody.
        subscription = self._pool.connection_class(**self._pool.connection_kwargs)
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
            elif is_pinged:
                raise RedisConnectionError("nothing was heard")
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
                    _logger.warning("a message about a revocation was ignored: not understood")
                    return
                for on_revoked in self._on_revoked:
                    on_revoked(revocation)

    def _report_hearing(self) -> None:
        if self._is_deaf:
            _logger.info("revocations by other nodes are heard again")
        self._is_deaf = False
        self._backoff.succeeded()
        for on_connected in self._on_connected:
            on_connected()

    def _report_deafness(self, error: Exception) -> None:
        if not self._is_deaf:
            _logger.warning("revocations by other nodes are not heard: %s", type(error).__name__)
        self._is_deaf = True

"""Runs every Redis command except subscriptions, with deadlines and a circuit breaker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from typing import TypeVar

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.adapters.redis.backoff import Backoff
from app.adapters.redis.lua_script import ScriptName, script_text
from app.adapters.redis.pool import redis_pool
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import Unavailable
from app.ports import Clock

T = TypeVar("T")

WAIT_SECONDS = 4.0
"""The longest wait for a turn."""
ERROR_LOG_SECONDS = 60.0
"""At most one error reply is logged in this time."""

# redis-py raises connection errors for rejected credentials and for a server that is still loading,
# too. A read-only server was the primary when we connected; reconnecting by name may reach the new
# primary.
_LOST = (OSError, RedisConnectionError, RedisTimeoutError, InvalidResponse, ReadOnlyError)

_logger = logging.getLogger(__name__)


class RedisConnection:
    """Calls one Redis server, each call once and with a deadline.

    At most as many calls run at once as the pool has connections; the others wait for their turn,
    for at most ``wait_seconds``. The deadline of a call begins with its turn, because only the time
    spent with Redis shows whether Redis works.

    A circuit breaker opens when a call loses its connection, or reaches its deadline while no other
    call is answered. While it is open, calls raise `Unavailable` at once, and one task pings Redis
    with growing pauses until it answers.

    Redis may be down at the start. Redis may have executed a call that was cancelled or reached its
    deadline; its connection is closed, so that no other call receives its reply.

    Args:
        timeout_seconds: The deadline of each call, including the time to connect.

    Raises:
        RedisUrlError: The URL is invalid.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float,
        clock: Clock,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._pool = redis_pool(url, timeout_seconds)
        self._redis = Redis(connection_pool=self._pool)
        self._scripts: dict[ScriptName, AsyncScript] = {}
        # The pool raises when all its connections are in use, and redis-py's blocking pool may lose
        # the connection of a caller that is cancelled twice. So callers take turns here.
        self._turns = asyncio.Semaphore(self._pool.max_connections)
        self._backoff = Backoff(clock)
        self._listeners: list[Callable[[], None]] = []
        # The probe itself pauses, as `Backoff` says.
        self._breaker = CircuitBreaker("redis", self._probe, retry_seconds=0.0)
        self._answers = 0
        self._lost_at = 0.0
        self._next_log_at = -inf

    @property
    def is_available(self) -> bool:
        """Whether the circuit breaker is closed: calls are made, not rejected at once."""
        return self._breaker.is_closed

    def on_reconnected(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever Redis answers again after an outage.

        It runs on the event loop, and must neither raise nor block.
        """
        self._listeners.append(listener)

    async def on_module_init(self) -> None:
        """Ping Redis once; if it does not answer, continue in the background."""
        try:
            await self._ping()
        except (OSError, RedisError) as error:
            self._lose(error)
        else:
            self._backoff.succeeded()

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Close every connection; calls raise `Unavailable` from now on."""
        await self._breaker.stop()
        with suppress(OSError, RedisError):
            async with asyncio.timeout(self._timeout_seconds):
                await self._pool.disconnect()

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Return the result of ``command``, which may use one connection at a time.

        Raises:
            Unavailable: The circuit breaker is open, no turn came in time, Redis did not answer in
                time, or it answered with an error.
        """
        # Before a timer is started, so that thousands of rejected calls stay cheap.
        if not self._breaker.is_closed:
            raise Unavailable("Redis")
        await self._take_turn()
        try:
            # The circuit breaker may have opened during the wait.
            if not self._breaker.is_closed:
                raise Unavailable("Redis")
            return await self._call(command)
        finally:
            self._turns.release()

    async def run_script(
        self, name: ScriptName, keys: Sequence[bytes], *arguments: bytes | str | float
    ) -> int:
        """Run a Lua script and return its result.

        Sends the text only if the server does not know the script yet.

        Raises:
            Unavailable: See `run`.
        """
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._redis.register_script(script_text(name))

        async def command(redis: Redis) -> int:
            return int(await script(keys, arguments, redis))

        return await self.run(command)

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            # Too many callers do not mean that Redis is down: the circuit breaker stays closed.
            raise Unavailable("Redis") from None

    async def _call(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        answers_before = self._answers
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await command(self._redis)
        except TimeoutError as error:
            # If other calls were answered meanwhile, only this command or connection is slow.
            if self._answers == answers_before:
                self._lose(error)
        except _LOST as error:
            self._lose(error)
        except RedisError as error:
            self._log_error_reply(error)
        else:
            self._answers += 1
            return result
        # Outside the handlers: redis-py's exception may quote the command, and so a token.
        raise Unavailable("Redis")

    def _lose(self, error: Exception) -> None:
        if not self._breaker.is_closed:  # another call has found out already
            return
        self._breaker.open()
        self._lost_at = self._clock.monotonic()
        _logger.warning("Redis is not available: %s", type(error).__name__)

    async def _probe(self) -> None:
        await asyncio.sleep(self._backoff.next_seconds())
        try:
            await self._ping()
        except (OSError, RedisError):
            return
        self._breaker.close()
        self._backoff.succeeded()
        outage_seconds = self._clock.monotonic() - self._lost_at
        _logger.info("Redis is available again after %.1f s", outage_seconds)
        for listener in self._listeners:
            listener()

    async def _ping(self) -> None:
        async with self._turns, asyncio.timeout(self._timeout_seconds):
            # Idle connections may be dead since the outage without a sign of it.
            await self._pool.disconnect(inuse_connections=False)
            await self._redis.ping()

    def _log_error_reply(self, error: RedisError) -> None:
        now = self._clock.monotonic()
        if now >= self._next_log_at:
            self._next_log_at = now + ERROR_LOG_SECONDS
            _logger.warning("Redis refused a call: %s", type(error).__name__)

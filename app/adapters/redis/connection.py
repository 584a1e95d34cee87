"""Runs every Redis command except subscriptions, with deadlines and a circuit breaker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from importlib.resources import files
from math import inf
from typing import Any, Literal, TypeVar

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.commands.core import AsyncScript
from redis.crc import key_slot
from redis.exceptions import (
    ClusterDownError,
    InvalidResponse,
    MovedError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.adapters.redis.keys import Keys
from app.adapters.redis.pool import pool_of, redis_pool
from app.concurrency.backoff import Backoff
from app.concurrency.circuit_breaker import CircuitBreaker
from app.domain.errors import Unavailable
from app.framework.redis_adapter.servers.redis_servers import Sentinels
from app.framework.redis_adapter.servers.redis_url import Address
from app.framework.redis_adapter.servers.slot_map import SlotMap
from app.ports import Clock

T = TypeVar("T")

ScriptName = Literal[
    "attempt",
    "end_sweep",
    "failed",
    "lease",
    "remember",
    "settle_presence",
    "take_socket",
    "write_sockets",
]

WAIT_SECONDS = 4.0
"""The maximum time that a call waits for a free connection."""
ERROR_LOG_SECONDS = 60.0
"""The minimum time between two log lines about error replies."""

# Errors that open the circuit breaker. redis-py also raises connection errors if the server rejects
# the credentials or is loading its data. `ReadOnlyError` means that the server is no longer the
# primary: after a failover, a new connection to the same name may reach the new primary.
# `ClusterDownError` means that a Redis Cluster is down, for example in a network partition.
_LOST = (
    OSError,
    RedisConnectionError,
    RedisTimeoutError,
    InvalidResponse,
    ReadOnlyError,
    ClusterDownError,
)

_logger = logging.getLogger(__name__)


class RedisConnection:
    """Sends calls to one Redis server, each with a deadline and without retries.

    With Sentinel, the server is the master. A new master is noticed within a few seconds, even if
    the old one still answers. In a Redis Cluster, a call uses the master of one slot; nearly all
    keys are in the same slot. If one master does not answer, the circuit breaker opens for all.

    The pool's number of connections limits the concurrent calls. Further calls wait for a free
    connection, for at most ``wait_seconds``. This wait does not count towards the deadline of a
    call, so the deadline measures only the response time of Redis.

    A circuit breaker opens when a call loses its connection, or reaches its deadline while no other
    call is answered. While the circuit breaker is open, calls raise `Unavailable` at once, and a
    task pings Redis with growing pauses until Redis answers. So the server can start while Redis is
    down.

    Redis may have executed a call that was cancelled or reached its deadline. The connection of
    such a call is closed, so that no other call receives its reply.

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
        self._slots: SlotMap | None = self._pool.connection_kwargs.get("slots")
        self._masters: dict[Address, Redis] = {}
        """The clients of the masters of a Redis Cluster."""
        self.keys = Keys(is_cluster=self._slots is not None)
        self._scripts: dict[ScriptName, AsyncScript] = {}
        # This semaphore makes callers wait for a free connection. redis-py's pool would raise an
        # error, and its blocking pool may lose the connection of a caller that is cancelled twice.
        self._turns = asyncio.Semaphore(self._pool.max_connections)
        self._backoff = Backoff(clock.monotonic)
        self._listeners: list[Callable[[], None]] = []
        # No retry pause here: `_probe` pauses by itself, using `Backoff`.
        self._breaker = CircuitBreaker("redis", self._probe, retry_seconds=0.0)
        self._watch: asyncio.Task[None] | None = None
        self._answers = 0
        self._lost_at = 0.0
        self._next_log_at = -inf

    def new_connection(self) -> AbstractConnection:
        """Create a connection outside the pool. The caller must close the connection.

        The first command opens the connection. The circuit breaker and the limit of concurrent
        calls do not apply to it.
        """
        return self._pool.connection_class(**self._pool.connection_kwargs)

    def on_reconnected(self, listener: Callable[[], None]) -> None:
        """Call ``listener``, which must not raise or block, on the event loop after each outage."""
        self._listeners.append(listener)

    async def on_module_init(self) -> None:
        """Ping Redis once. If Redis does not answer, keep pinging in the background."""
        try:
            await self._ping()
        except (OSError, RedisError) as error:
            self._lose(error)
        else:
            self._backoff.succeeded()
        sentinels: Sentinels | None = self._pool.connection_kwargs.get("sentinels")
        if sentinels is not None:
            self._watch = asyncio.create_task(
                _keep_asking(sentinels), name="sentinel-watch", context=Context()
            )

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Close all connections. Later calls raise `Unavailable`."""
        await self._breaker.stop()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        with suppress(OSError, RedisError):
            async with asyncio.timeout(self._timeout_seconds):
                for redis in (self._redis, *self._masters.values()):
                    await redis.connection_pool.disconnect()

    async def run(self, command: Callable[[Redis], Awaitable[T]], key: bytes | None = None) -> T:
        """Run ``command``, which may use one connection at a time, and return its result.

        In a Redis Cluster, ``command`` runs on the master of one slot. It runs again if the slot
        has moved.

        Args:
            key: A name in the slot; None for the slot of `Keys.tag`.

        Raises:
            Unavailable: The circuit breaker is open, the wait for a free connection or for Redis
                timed out, the connection was lost, or Redis answered with an error.
        """
        # Check the circuit breaker before starting a timer, so that a rejection is cheap.
        if not self._breaker.is_closed:
            raise Unavailable("Redis")
        await self._take_turn()
        try:
            # The circuit breaker may have opened during the wait.
            if not self._breaker.is_closed:
                raise Unavailable("Redis")
            return await self._call(command, self.keys.tag if key is None else key)
        finally:
            self._turns.release()

    async def run_script(
        self, name: ScriptName, keys: Sequence[bytes], *arguments: bytes | str | float
    ) -> int:
        """Run a Lua script that returns a number.

        The script's text is sent only if Redis has not cached it yet.

        Raises:
            Unavailable: The call failed or was rejected, as described at `run`.
        """
        script = self._script(name)

        async def command(redis: Redis) -> int:
            return int(await script(keys, arguments, redis))

        return await self.run(command, keys[0])

    async def run_batch_script(
        self, name: ScriptName, keys: Sequence[bytes], *arguments: bytes | str | float
    ) -> list[int]:
        """Run a Lua script that returns a list of numbers, like `run_script`.

        Raises:
            Unavailable: The call failed or was rejected, as described at `run`.
        """
        script = self._script(name)

        async def command(redis: Redis) -> list[int]:
            return [int(each) for each in await script(keys, arguments, redis)]

        return await self.run(command, keys[0])

    async def get_all(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes | str]:
        """Return the values of the keys that exist. The keys may be in different slots.

        Raises:
            Unavailable: The call failed or was rejected, as described at `run`.
        """
        values: dict[bytes, bytes | str | None] = {}
        for batch in self._by_master(keys):

            async def command(redis: Redis, batch: Sequence[list[bytes]] = batch) -> list[Any]:
                if len(batch) == 1:
                    return [await redis.mget(batch[0])]
                pipeline = redis.pipeline(transaction=False)
                for of_slot in batch:
                    pipeline.mget(of_slot)
                return await pipeline.execute()

            replies = await self.run(command, batch[0][0])
            for of_slot, reply in zip(batch, replies, strict=True):
                values |= zip(of_slot, reply, strict=True)
        return {key: value for key, value in values.items() if value is not None}

    def _by_master(self, keys: Sequence[bytes]) -> Iterable[list[list[bytes]]]:
        """Group the keys by master, and within a master by slot: one MGET reads a group."""
        if self._slots is None:
            return [[list(keys)]] if keys else []
        slots: dict[int, list[bytes]] = {}
        for key in keys:
            slots.setdefault(key_slot(key), []).append(key)
        masters: dict[Address | None, list[list[bytes]]] = {}
        for of_slot in slots.values():
            masters.setdefault(self._slots.master_of(of_slot[0]), []).append(of_slot)
        return masters.values()

    def _script(self, name: ScriptName) -> AsyncScript:
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._redis.register_script(_script_text(name))
        return script

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            # There are too many callers, but Redis may work: leave the circuit breaker closed.
            raise Unavailable("Redis") from None

    def _client_of(self, key: bytes) -> Redis:
        if self._slots is None:
            return self._redis
        master = self._slots.master_of(key)
        if master is None:
            raise RedisConnectionError("no server of the Redis Cluster has answered")
        redis = self._masters.get(master)
        if redis is None:
            redis = self._masters[master] = Redis(connection_pool=pool_of(master, self._slots))
        return redis

    async def _call(self, command: Callable[[Redis], Awaitable[T]], key: bytes) -> T:
        answers_before = self._answers
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await self._follow(command, key)
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
        # Raise outside the `except` blocks: otherwise the traceback would include redis-py's error,
        # which could reveal a token.
        raise Unavailable("Redis")

    async def _follow(self, command: Callable[[Redis], Awaitable[T]], key: bytes) -> T:
        """Run a command; if its slot has moved, run it again on the new master."""
        try:
            return await command(self._client_of(key))
        except MovedError:
            if self._slots is None:
                raise
            await self._slots.refresh()
            return await command(self._client_of(key))

    def _lose(self, error: Exception) -> None:
        if not self._breaker.is_closed:  # Another call has opened the breaker.
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
            # Close idle connections: the outage may have broken them undetected.
            for redis in (self._redis, *self._masters.values()):
                await redis.connection_pool.disconnect(inuse_connections=False)
            if self._slots is None:
                await self._redis.ping()
            else:
                await self._ping_masters(self._slots)

    async def _ping_masters(self, slots: SlotMap) -> None:
        await slots.refresh()
        for stopped in self._masters.keys() - slots.masters:
            del self._masters[stopped]
        for master in slots.masters:
            if master not in self._masters:
                self._masters[master] = Redis(connection_pool=pool_of(master, slots))
        await asyncio.gather(*(redis.ping() for redis in self._masters.values()))

    def _log_error_reply(self, error: RedisError) -> None:
        now = self._clock.monotonic()
        if now >= self._next_log_at:
            self._next_log_at = now + ERROR_LOG_SECONDS
            _logger.warning("Redis answered with an error: %s", type(error).__name__)


async def _keep_asking(sentinels: Sentinels) -> None:
    """Ask the sentinels at intervals: a connection to an old master is replaced before its use."""
    while True:
        await sentinels.ask_later()


def _script_text(name: ScriptName) -> str:
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")

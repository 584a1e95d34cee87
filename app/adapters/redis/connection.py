"""The only way to Redis but for what is subscribed to: deadlines, and a gate before a dead one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from math import inf
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from app.adapters.redis.backoff import Backoff
from app.adapters.redis.lua_script import ScriptName, lua_script
from app.adapters.redis.pool import redis_pool
from app.domain.errors import Unavailable
from app.ports import Clock

T = TypeVar("T")

WAIT_SECONDS = 4.0
REFUSAL_LOG_SECONDS = 60.0

# Refused credentials and a server that is still loading are connection errors, too. A read-only
# one was the primary when we connected: by its name we may now reach the new one.
_LOST = (OSError, RedisConnectionError, RedisTimeoutError, InvalidResponse, ReadOnlyError)

_logger = logging.getLogger(__name__)


class RedisConnection:
    """Calls to one Redis, each within a deadline and tried once.

    There are as many calls under way as the pool has connections; the others wait for their turn.
    Only the time with Redis itself says anything about Redis, so a call's deadline begins with its
    turn. The wait has a bound of its own.

    A call that fails on its way closes a gate, and so does one whose deadline comes while nobody
    is answered: calls raise `Unavailable` at once, while one task of our own asks Redis, less and
    less often, until it answers. A storm of callers costs a dead Redis nothing, and us hardly more.

    Redis need not be there at the start. A call that was cancelled, or given up, may have been
    carried out; its connection is closed, so that nobody else gets its reply.

    Args:
        url: As ``REDIS_URL`` has it.
        timeout_seconds: Of each call, from its turn on; connecting is included.
        clock: Says how long an outage was.
        wait_seconds: For a turn.

    Raises:
        RedisUrlError: The address cannot be used.
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
        # The pool refuses whoever comes too many; its blocking kind may lose the connection of a
        # caller that is cancelled twice. So callers take turns here.
        self._turns = asyncio.Semaphore(self._pool.max_connections)
        self._backoff = Backoff(clock)
        self._listeners: list[Callable[[], None]] = []
        self._is_available = False
        self._is_closed = False
        self._recovery: asyncio.Task[None] | None = None
        self._answers = 0
        self._lost_at = 0.0
        self._silent_until = -inf

    @property
    def is_available(self) -> bool:
        """Whether the last word of Redis was a good one: calls are made, not refused at once."""
        return self._is_available

    def on_reconnected(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever Redis answers again.

        It runs on the event loop and must neither raise nor take long.
        """
        self._listeners.append(listener)

    async def on_module_init(self) -> None:
        """Ask Redis once; should it not answer, go on asking in the background."""
        try:
            await self._ping()
        except (OSError, RedisError) as error:
            self._lose(error)
        else:
            self._open()

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Close every connection; calls raise `Unavailable` from now on."""
        self._is_closed = True
        self._is_available = False
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        with suppress(OSError, RedisError):
            async with asyncio.timeout(self._timeout_seconds):
                await self._pool.disconnect()

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of ``command``, which may use one connection at a time.

        Raises:
            Unavailable: No turn came, or Redis did not answer in time or at all, or it refused.
        """
        # Before any timer, which each of thousands of refusals would pay for.
        self._check_gate()
        await self._take_turn()
        try:
            # It may have closed meanwhile.
            self._check_gate()
            return await self._call(command)
        finally:
            self._turns.release()

    async def run_script(
        self, name: ScriptName, keys: Sequence[bytes], *arguments: bytes | str | float
    ) -> int:
        """What a script returns; it is sent once, and then named.

        Raises:
            Unavailable: See `run`.
        """
        script = lua_script(name)

        async def command(redis: Redis) -> int:
            call = (*keys, *arguments)
            try:
                result = await redis.evalsha(script.digest, len(keys), *call)
            except NoScriptError:
                result = await redis.eval(script.text, len(keys), *call)
            return int(result)

        return await self.run(command)

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            # There are too many of us, which is no fault of Redis: the gate stays open.
            raise Unavailable("Redis") from None

    async def _call(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        answers_before = self._answers
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await command(self._redis)
        except TimeoutError as error:
            # While others are answered Redis is not dead: one command is slow, or one connection.
            if self._answers == answers_before:
                self._lose(error)
        except _LOST as error:
            self._lose(error)
        except RedisError as error:
            self._log_refusal(error)
        else:
            self._answers += 1
            return result
        # Out here, as the original may quote the command, and so a token.
        raise Unavailable("Redis")

    def _check_gate(self) -> None:
        if not self._is_available:
            raise Unavailable("Redis")

    def _open(self) -> None:
        self._is_available = True
        self._backoff.succeeded()

    def _lose(self, error: Exception) -> None:
        # Of the calls that were under way only the first one tells something new.
        if self._is_closed or self._recovery is not None:
            return
        self._is_available = False
        self._lost_at = self._clock.monotonic()
        _logger.warning("Redis is not available: %s", type(error).__name__)
        # A context of its own: it is nobody's event that is waited for.
        self._recovery = asyncio.create_task(
            self._recover(), name="redis-recovery", context=Context()
        )

    async def _recover(self) -> None:
        while not self._is_available:
            await asyncio.sleep(self._backoff.next_seconds())
            try:
                await self._ping()
                self._open()
            except (OSError, RedisError):
                pass
            except Exception:  # else nobody would ever open the gate again
                _logger.exception("Redis could not be asked")
        self._recovery = None
        outage_seconds = self._clock.monotonic() - self._lost_at
        _logger.info("Redis is available again after %.1f s", outage_seconds)
        for listener in self._listeners:
            listener()

    async def _ping(self) -> None:
        async with self._turns, asyncio.timeout(self._timeout_seconds):
            # A connection that was idle in an outage may be dead without knowing.
            await self._pool.disconnect(inuse_connections=False)
            await self._redis.ping()

    def _log_refusal(self, error: RedisError) -> None:
        now = self._clock.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + REFUSAL_LOG_SECONDS
            _logger.warning("Redis refused a call: %s", type(error).__name__)

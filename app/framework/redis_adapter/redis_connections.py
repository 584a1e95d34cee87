"""`RedisConnections`: opens connections to the Redis server of a cluster."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.framework.common.exceptions import BootError
from app.framework.redis_adapter.redis_connection import ANSWER_SECONDS, RedisConnection

FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0
_MAX_LOGGED_CHARS = 300
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

_log = structlog.stdlib.get_logger("RedisConnections")


class RedisConnections:
    """Opens connections to one Redis server.

    Raises:
        BootError: The URL is invalid.
    """

    def __init__(self, url: str) -> None:
        try:
            pool = ConnectionPool.from_url(url, **_OPTIONS)
            # Options in the URL would take precedence over the arguments of `from_url`.
            self._options = {**pool.connection_kwargs, **_OPTIONS}
            self._connection_class = pool.connection_class
            self._connection_class(**self._options)
        except (ValueError, TypeError, RedisError):
            # Do not quote the URL or the error: they may contain a password.
            raise BootError(
                "the URL of the cluster's Redis must be redis://[[user]:password@]host[:port][/db]"
            ) from None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RedisConnection]:
        """Open a connection, and close it at the end."""
        connector: AbstractConnection = self._connection_class(**self._options)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connector.connect()  # type: ignore[no-untyped-call]
            writer: Any = connector._writer  # noqa: SLF001 - redis-py has no other way
            connection = RedisConnection(writer.transport)
            writer.transport.set_protocol(connection)
            try:
                if await connector.can_read():
                    raise RedisConnectionError("closed by Redis, or a reply without a command")
                yield connection
            finally:
                connection.close()
        finally:
            await connector.disconnect(nowait=True)

    async def keep_open(self, use: Callable[[RedisConnection], Coroutine[Any, Any, None]]) -> None:
        """Use a connection until it breaks; then open another one, and so on."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with self.open() as connection:
                    await use(connection)
            except Exception as error:  # noqa: BLE001 - the node must connect again in any case
                _log_lost_connection(error)
            if asyncio.get_running_loop().time() - began > MAX_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            # With jitter, the nodes that have lost Redis together do not return together.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not for security
            pause = min(2 * pause, MAX_PAUSE_SECONDS)


def _log_lost_connection(error: Exception) -> None:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    _log.warning(
        "a connection to the cluster's Redis was lost",
        error=f"{type(error).__name__}: {error}"[:_MAX_LOGGED_CHARS],
        exc_info=None if isinstance(error, OSError | RedisError) else error,
    )

"""`RedisConnections`: opens connections to the Redis server that connects the nodes."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.framework.common.exceptions import BootError
from app.framework.redis_adapter.servers.redis_connection import ANSWER_SECONDS, RedisConnection
from app.framework.redis_adapter.servers.redis_servers import (
    WATCH_SECONDS,
    MasterConnection,
    NodeConnection,
    connection_to,
)
from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl

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
    """Opens connections to a Redis server: with Sentinel the master, in a Redis Cluster any server.

    Args:
        connection_class: redis-py's class of connections; see `connection_to`.
        options: The arguments of the class.
    """

    def __init__(
        self, connection_class: type[AbstractConnection], options: Mapping[str, Any]
    ) -> None:
        self._connection_class = connection_class
        self._options = options

    @classmethod
    def of(cls, url: str) -> "RedisConnections":
        """Return the connections to the server that a URL names.

        Raises:
            BootError: The URL is invalid.
        """
        return cls(*connection_to(parsed_url(url)))

    async def keep_open(self, use: Callable[[RedisConnection], Coroutine[Any, Any, None]]) -> None:
        """Use a connection until it breaks; then open another one, and so on."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with (
                    self._connect() as connector,
                    _taken_over(connector) as connection,
                    asyncio.TaskGroup() as tasks,
                ):
                    tasks.create_task(_until_superseded(connector))
                    await use(connection)
            except Exception as error:  # noqa: BLE001 - the node must connect again in any case
                _log_lost_connection(error)
            if asyncio.get_running_loop().time() - began > MAX_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            # Jitter: nodes that lost Redis at the same time must not reconnect at the same time.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not for security
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AbstractConnection]:
        connector: AbstractConnection = self._connection_class(**self._options)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connector.connect()  # type: ignore[no-untyped-call]
            yield connector
        finally:
            await connector.disconnect(nowait=True)


def parsed_url(url: str) -> RedisUrl:
    """Parse a URL, and set the options that a bus needs.

    Raises:
        BootError: The URL is invalid.
    """
    try:
        return RedisUrl.parse(url, _OPTIONS)
    except ValueError as error:
        raise BootError(f"the URL of the cluster's Redis {error}") from None


@asynccontextmanager
async def _taken_over(connector: AbstractConnection) -> AsyncIterator[RedisConnection]:
    writer: Any = connector._writer  # noqa: SLF001 - redis-py has no other way
    connection = RedisConnection(writer.transport)
    writer.transport.set_protocol(connection)
    try:
        if await connector.can_read():
            raise RedisConnectionError("closed by Redis, or a reply without a command")
        yield connection
    finally:
        connection.close()


async def _until_superseded(connector: AbstractConnection) -> None:
    """Check the server every `WATCH_SECONDS`; raise an error when another one must be used.

    The present server may still answer, for example as an old master, or in a network partition.
    """
    if isinstance(connector, MasterConnection):
        while not connector.is_superseded:
            await connector.sentinels.ask_later()
        raise RedisConnectionError("the sentinels have named another master")
    if isinstance(connector, NodeConnection):
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await connector.slots.refresh()
            await connector.slots.ask(Address(connector.host, connector.port))


def _log_lost_connection(error: Exception) -> None:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    _log.warning(
        "a connection to the cluster's Redis was lost",
        error=f"{type(error).__name__}: {error}"[:_MAX_LOGGED_CHARS],
        exc_info=None if isinstance(error, OSError | RedisError) else error,
    )

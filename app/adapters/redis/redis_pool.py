"""From the address of PROTOCOL.md's ``REDIS_URL`` to a pool of connections."""

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 16


class RedisUrlError(ValueError):
    """The address cannot be used. The text does not repeat it: it may hold a password."""


def redis_pool(url: str, timeout_seconds: float) -> ConnectionPool:
    """A pool that tries everything once and opens nothing before it is asked.

    Who asks for more than its ``max_connections`` is refused; who is cancelled while a reply is
    under way has its connection closed, so that nobody else reads that reply.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        timeout_seconds: For connecting and closing; commands need a deadline of the caller's.

    Raises:
        RedisUrlError: It is none of these, or a part of it is wrong.
    """
    try:
        pool: ConnectionPool = ConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=timeout_seconds,
            # The caller's deadline is the only one: a second timer per call would cost as much as
            # the call's parsing.
            socket_timeout=None,
            # Replies as every Redis since 2.0 has them, and no more greetings than needed.
            protocol=2,
            driver_info=None,
        )
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError):
        raise RedisUrlError(
            "REDIS_URL must be redis://[[user]:password@]host[:port][/db], rediss://... or "
            "unix://PATH, with special characters percent-encoded."
        ) from None
    return pool

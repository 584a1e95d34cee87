"""From the address of PROTOCOL.md's ``REDIS_URL`` to a pool of connections."""

from typing import Any

from redis.asyncio.connection import ConnectionPool, parse_url
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
        url: ``redis://``, ``rediss://`` or ``unix://``. Its query may have redis-py's options, such
            as ``ssl_ca_certs``; those that decide how we talk to Redis are ours all the same.
        timeout_seconds: For connecting and closing; commands need a deadline of the caller's.

    Raises:
        RedisUrlError: It is none of these, or a part of it is wrong.
    """
    ours: dict[str, object] = {
        "max_connections": MAX_CONNECTIONS,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "socket_connect_timeout": timeout_seconds,
        # The caller's deadline is the only one: a second timer per call would cost as much as
        # the call's parsing.
        "socket_timeout": None,
        # Its pings would wait inside a call, and be answered amid what is subscribed to.
        "health_check_interval": 0,
        # Replies as every Redis since 2.0 has them, and no more greetings than needed.
        "protocol": 2,
        "legacy_responses": True,
        "decode_responses": False,
        "encoding": "utf-8",
        "encoding_errors": "strict",
        "driver_info": None,
    }
    try:
        # Not `from_url`, where the query wins.
        options: dict[str, Any] = {**parse_url(url), **ours}
        pool = ConnectionPool(**options)
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError):
        raise RedisUrlError(
            "REDIS_URL must be redis://[[user]:password@]host[:port][/db], rediss://... or "
            "unix://PATH, with special characters percent-encoded."
        ) from None
    return pool

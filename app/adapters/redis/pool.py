"""Creates a pool of connections from ``REDIS_URL``."""

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.framework.redis_adapter.servers.redis_servers import connection_to
from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap

MAX_CONNECTIONS = 16


class RedisUrlError(ValueError):
    """``REDIS_URL`` is invalid. The error does not quote the URL, which may contain a password."""


def redis_pool(url: str, timeout_seconds: float) -> ConnectionPool:
    """Create a pool that does not retry, and opens connections only when they are needed.

    The pool raises an error when more than ``max_connections`` are needed. If a caller is cancelled
    before a reply arrives, the pool closes the connection, so that no other caller reads the reply.

    Args:
        url: See `RedisUrl`. The URL's query may contain
            options of redis-py, such as ``ssl_ca_certs``. Options that this function itself sets
            are ignored in the URL.
        timeout_seconds: The timeout for connecting and closing. The callers set their own deadline
            for commands.

    Raises:
        RedisUrlError: The URL is invalid.
    """
    fixed: dict[str, object] = {
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "socket_connect_timeout": timeout_seconds,
        # Callers set a deadline, so no timeout is needed here. A timeout would take as much CPU
        # time as parsing a reply.
        "socket_timeout": None,
        # Disable health checks: they would send pings before some calls, and on a subscribed
        # connection the replies would arrive among the messages.
        "health_check_interval": 0,
        # Use protocol version 2: every Redis since 2.0 supports it, and it needs the fewest
        # commands when connecting.
        "protocol": 2,
        "legacy_responses": True,
        "decode_responses": False,
        "encoding": "utf-8",
        "encoding_errors": "strict",
        "driver_info": None,
    }
    try:
        parsed = RedisUrl.parse(url, fixed)
    except ValueError as error:
        raise RedisUrlError(f"REDIS_URL {error}.") from None
    connection_class, options = connection_to(parsed)
    return ConnectionPool(connection_class, MAX_CONNECTIONS, **options)


def pool_of(server: Address, slots: SlotMap) -> ConnectionPool:
    """Create a pool, as `redis_pool` does, for one server of a Redis Cluster."""
    return ConnectionPool(slots.connection_class, MAX_CONNECTIONS, **slots.options_of(server))

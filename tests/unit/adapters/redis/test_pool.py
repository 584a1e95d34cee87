import pytest
from redis.asyncio.connection import ConnectionPool

from app.adapters.redis.pool import RedisUrlError, redis_pool

OBJECTS = {"retry", "himport_registry"}
"""Options that are different objects in each pool, so that they cannot be compared."""


def options_of(pool: ConnectionPool) -> dict[str, object]:
    return {name: pool.connection_kwargs[name] for name in pool.connection_kwargs.keys() - OBJECTS}


@pytest.mark.parametrize(
    "url",
    [
        "http://:hunter2@127.0.0.1",
        "redis://:hunter2@127.0.0.1:port",
        "redis://:hunter/2@127.0.0.1:6379",
        "redis://:hunter2@[::1:6379",
        "redis://:hunter2@127.0.0.1?protocol=hunter2",
        "redis://:hunter2@127.0.0.1?hunter2=1",
    ],
)
def test_the_address_is_refused_without_being_quoted_when_it_cannot_be_used(url: str) -> None:
    """The error does not quote the URL, because it may contain a password."""
    with pytest.raises(RedisUrlError, match="REDIS_URL must be") as refusal:
        redis_pool(url, timeout_seconds=1)

    assert "hunter" not in str(refusal.value)
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1", "rediss://user:pass@localhost:6380/2", "unix:///tmp/redis.sock?db=1"],
)
def test_the_address_is_taken_when_it_is_a_redis(url: str) -> None:
    """The pool accepts URLs with TLS, without TLS and of Unix sockets."""
    assert 16 == redis_pool(url, timeout_seconds=1).max_connections


@pytest.mark.parametrize(
    "option",
    [
        "decode_responses=true",
        "encoding=utf-16",
        "encoding_errors=ignore",
        "health_check_interval=1",
        "legacy_responses=false",
        "max_connections=1",
        "protocol=3",
        "retry_on_error=TimeoutError",
        "retry_on_timeout=true",
        "socket_connect_timeout=60",
        "socket_timeout=0.001",
    ],
)
def test_the_pool_is_the_same_when_the_address_asks_for_another(option: str) -> None:
    """Parameters of the URL cannot change options that the adapters rely on."""
    plain = redis_pool("redis://127.0.0.1", timeout_seconds=1)

    pool = redis_pool(f"redis://127.0.0.1?{option}", timeout_seconds=1)

    assert plain.max_connections == pool.max_connections
    assert options_of(plain) == options_of(pool)


def test_the_options_of_tls_are_taken_when_the_address_has_them() -> None:
    url = "rediss://127.0.0.1?ssl_cert_reqs=none&ssl_check_hostname=false&ssl_ca_certs=/ca.pem"

    options = redis_pool(url, timeout_seconds=1).connection_kwargs

    assert ("none", False, "/ca.pem") == (
        options["ssl_cert_reqs"],
        options["ssl_check_hostname"],
        options["ssl_ca_certs"],
    )

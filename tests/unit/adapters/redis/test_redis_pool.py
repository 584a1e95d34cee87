import pytest

from app.adapters.redis.redis_pool import RedisUrlError, redis_pool


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
    """It may hold a password, also where it is spelled wrong."""
    with pytest.raises(RedisUrlError, match="REDIS_URL must be") as refusal:
        redis_pool(url, timeout_seconds=1)

    assert "hunter" not in str(refusal.value)
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1", "rediss://user:pass@localhost:6380/2", "unix:///tmp/redis.sock?db=1"],
)
def test_the_address_is_taken_when_it_is_a_redis(url: str) -> None:
    """With and without TLS, and by a socket in the file system; the pool's size is ours."""
    assert 16 == redis_pool(url, timeout_seconds=1).max_connections

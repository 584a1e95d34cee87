"""Tests of the forms of Redis URLs (app/framework/redis_adapter/servers/redis_url.py)."""

import pytest
from redis.asyncio.connection import Connection

from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl


def test_sentinels_and_service_are_read_when_the_url_names_them() -> None:
    """The users of the sentinels and of the servers may differ."""
    url = RedisUrl.parse(
        "redis+sentinel://me:p%40ss@one,[::1]:5000,two:26380/my%20chat/3"
        "?sentinel_username=watcher&sentinel_password=w%2Fd&client_name=chat",
        {"socket_timeout": None},
    )

    assert (Address("one", 26379), Address("::1", 5000), Address("two", 26380)) == url.addresses
    assert "my chat" == url.service
    assert Connection is url.connection_class
    common = {"client_name": "chat", "socket_timeout": None}
    assert {**common, "username": "me", "password": "p@ss", "db": 3} == url.options
    assert {
        **common,
        "username": "watcher",
        "password": "w/d",
        "db": 0,
    } == url.sentinel_options


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis+sentinel://:secret@one",
        "redis+sentinel://:secret@one/",
        "redis+sentinel://:secret@one/chat/x",
        "redis+sentinel://:secret@one/chat/1/2",
        "redis+sentinel://:secret@one,/chat",
        "redis+sentinel://:secret@one:0/chat",
        "redis+sentinel://:secret@one:65536/chat",
        "redis+sentinel://:secret@one:secret/chat",
        "redis+sentinel://:secret@::1/chat",
        "redis+sentinel://:secret@one/chat?invented=secret",
        "redis+sentinel://:se/cret@one/chat",
        "redis+cluster://:secret@one/1",
        "redis+cluster://:secret@one?db=1",
        "redis+cluster://:secret@/0",
        "redis+cluster://:secret@one?sentinel_password=secret",
        "redis+other://:secret@one",
    ],
)
def test_url_is_refused_when_it_is_malformed(url: str) -> None:
    """The error does not quote the URL, which may contain a password."""
    with pytest.raises(ValueError, match="must be redis://") as error:
        RedisUrl.parse(url, {})

    assert "cret" not in str(error.value)
    assert error.value.__suppress_context__


def test_option_of_the_query_is_ignored_when_it_is_fixed() -> None:
    url = RedisUrl.parse("redis+sentinel://one/chat?protocol=3", {"protocol": 2})

    assert 2 == url.options["protocol"] == url.sentinel_options["protocol"]

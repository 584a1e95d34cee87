"""`RedisUrl`: the URL of a Redis server, of servers with Sentinel, or of a Redis Cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import RedisError

_FORMS = (
    "redis://[[user]:password@]host[:port][/db], unix://PATH, "
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/service[/db] or "
    "redis+cluster://[[user]:password@]host[:port][,host[:port]...]; "
    "with rediss for TLS, and with special characters percent-encoded"
)

_PORT, _SENTINEL_PORT = 6379, 26379
_MAX_PORT = 65_535
_PARTS = re.compile(
    r"(?P<scheme>rediss?)\+(?P<form>sentinel|cluster)://(?:(?P<user>[^@/?#\s]*)@)?"
    r"(?P<hosts>[^@/?#\s]+)(?:/(?P<path>[^?#\s]*))?(?:\?(?P<query>[^#\s]*))?"
)
_HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_PATH = re.compile(r"(?P<service>[^/]+)(?:/(?P<db>[0-9]{1,5}))?")


class Address(NamedTuple):
    """The address of a server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A valid URL, such as ``redis://127.0.0.1:6379`` or ``redis+sentinel://one,two/service``.

    The forms are ``redis://[[user]:password@]host[:port][/db]`` and, as in other libraries,
    ``redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/service[/db]`` and
    ``redis+cluster://[[user]:password@]host[:port][,host[:port]...]``; with ``rediss`` for TLS.
    The query may contain options of redis-py, such as ``ssl_ca_certs``, and
    ``sentinel_username`` and ``sentinel_password`` if they differ from those of the servers.

    Attributes:
        service: The name that the sentinels have for the master; None without Sentinel.
        addresses: The sentinels, or some servers of the Redis Cluster; empty for a single server.
        connection_class: redis-py's class of a connection to a server.
        options: The arguments of ``connection_class``; without an address if there are several
            servers.
        sentinel_options: The arguments for a connection to a sentinel, without its address.
    """

    service: str | None
    addresses: tuple[Address, ...]
    connection_class: type[AbstractConnection]
    options: Mapping[str, Any]
    sentinel_options: Mapping[str, Any]

    @property
    def is_cluster(self) -> bool:
        """Whether the URL is that of a Redis Cluster."""
        return bool(self.addresses) and self.service is None

    @classmethod
    def parse(cls, url: str, fixed: Mapping[str, Any]) -> "RedisUrl":
        """Parse a URL. Its query may contain options of redis-py, such as ``ssl_ca_certs``.

        Args:
            fixed: Options of redis-py that the query cannot change.

        Raises:
            ValueError: The URL is invalid. The error is the rest of a sentence, and does not quote
                the URL.
        """
        try:
            parts = _PARTS.fullmatch(url)
            parsed = _parse_single(url, fixed) if parts is None else _parse_several(parts, fixed)
            # Creating a connection does not open it. It fails if the URL has an unknown option.
            parsed.connection_class(**parsed.options)
            parsed.connection_class(**parsed.sentinel_options)
        except (ValueError, TypeError, RedisError):
            raise ValueError(f"must be {_FORMS}") from None
        return parsed


def _parse_single(url: str, fixed: Mapping[str, Any]) -> RedisUrl:
    options = {**parse_url(url), **fixed}
    options.pop("max_connections", None)
    connection_class = options.pop("connection_class", Connection)
    return RedisUrl(None, (), connection_class, options, {})


def _parse_several(parts: re.Match[str], fixed: Mapping[str, Any]) -> RedisUrl:
    is_sentinel = parts["form"] == "sentinel"
    service, db = _service_and_db(parts["path"] or "", is_sentinel=is_sentinel)
    default_port = _SENTINEL_PORT if is_sentinel else _PORT
    addresses = tuple(_address(each, default_port) for each in parts["hosts"].split(","))
    user = "" if parts["user"] is None else f"{parts['user']}@"
    options: dict[str, Any] = dict(
        parse_url(f"{parts['scheme']}://{user}host/{db}?{parts['query'] or ''}")
    )
    del options["host"]
    login = ("username", "password")
    sentinel_login = {each: options.pop(f"sentinel_{each}", None) for each in login if is_sentinel}
    options.pop("max_connections", None)
    connection_class = options.pop("connection_class", Connection)
    options |= fixed
    if not is_sentinel and options["db"]:
        raise ValueError("a Redis Cluster has only the database 0")
    sentinel_options = {**options, **sentinel_login, "db": 0} if is_sentinel else {}
    return RedisUrl(service, addresses, connection_class, options, sentinel_options)


def _service_and_db(path: str, *, is_sentinel: bool) -> tuple[str | None, int]:
    if not is_sentinel:
        if path not in {"", "0"}:
            raise ValueError("a Redis Cluster has only the database 0")
        return None, 0
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError("the name of the service is missing")
    return unquote(match["service"]), int(match["db"] or 0)


def _address(text: str, default_port: int) -> Address:
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError("a host is invalid")
    port = int(match["port"] or default_port)
    if not 0 < port <= _MAX_PORT:
        raise ValueError("a port is invalid")
    return Address(match["name"].strip("[]"), port)

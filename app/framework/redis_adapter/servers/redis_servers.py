"""Connections that look up their server whenever they are opened."""

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl
from app.framework.redis_adapter.servers.slot_map import SlotMap

SENTINEL_SECONDS = 2.0
"""The time limit for the answer of a sentinel."""
MAJORITY_SECONDS = 0.2
"""The time limit for the answers of a majority of the sentinels."""
WATCH_SECONDS = 2.0
"""The interval of the checks whether a connection must move to another server."""


class Master(NamedTuple):
    """The master of a service, as a sentinel knows it.

    Attributes:
        epoch: The number of the last failover. Of two answers, the one with the greater number is
            newer.
    """

    epoch: int
    address: Address


class Sentinels:
    """Asks the sentinels for the master of the URL's service.

    Attributes:
        latest: The newest answer so far.
    """

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self.latest: Master | None = None

    async def ask(self) -> Master:
        """Return the newest answer of a majority of the sentinels.

        If a majority does not answer within `MAJORITY_SECONDS`, the first answers are enough.

        Raises:
            ConnectionError: redis-py's error: no sentinel answers, or none knows the service.
        """
        pending = {asyncio.create_task(self._ask(each)) for each in self._url.addresses}
        tasks, majority = tuple(pending), len(pending) // 2 + 1
        answers: list[Master] = []
        time = asyncio.get_running_loop().time
        deadline = time() + MAJORITY_SECONDS
        try:
            while pending and len(answers) < majority:
                done, pending = await asyncio.wait(
                    pending,
                    timeout=max(0, deadline - time()) if answers else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    break
                answers += [each.result() for each in done if each.exception() is None]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not answers:
            raise RedisConnectionError(f"no sentinel knows the master: {tasks[0].exception()}")
        if self.latest is not None and len(answers) < majority:
            answers.append(self.latest)  # a minority may not know of the last failover
        self.latest = max(answers)
        return self.latest

    async def ask_later(self) -> None:
        """Ask after `WATCH_SECONDS`, and ignore it if no sentinel answers."""
        await asyncio.sleep(WATCH_SECONDS)
        with suppress(RedisError):
            await self.ask()

    async def _ask(self, sentinel: Address) -> Master:
        options = {**self._url.sentinel_options, **sentinel._asdict()}
        connection: Any = self._url.connection_class(**options)
        try:
            async with asyncio.timeout(SENTINEL_SECONDS):
                await connection.send_command("SENTINEL", "MASTER", self._url.service)
                reply = await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
        fields = dict(zip(reply[::2], reply[1::2], strict=True))
        address = Address(fields[b"ip"].decode(), int(fields[b"port"]))
        return Master(int(fields[b"config-epoch"]), address)


class MasterConnection(AbstractConnection):
    """A connection to the master: it asks the sentinels whenever it is opened.

    Raises:
        ConnectionError: redis-py's error, when the connection is opened: the master is unknown,
            cannot be reached, or is a replica.
    """

    host: str
    port: int

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:
        super().__init__(**options)
        self.sentinels = sentinels

    @property
    def is_superseded(self) -> bool:
        """Whether the sentinels have named another master. The old one may still answer."""
        latest = self.sentinels.latest
        return latest is not None and latest.address != (self.host, self.port)

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect to the master, unless the connection to it is open.

        redis-py calls this before each use of a pool's connection.
        """
        if self.is_connected:
            if not self.is_superseded:
                return
            await self.disconnect(nowait=True)
        self.host, self.port = (await self.sentinels.ask()).address
        await super().connect_check_health(*args, **options)
        try:
            await self._check_role()
        except BaseException:
            await self.disconnect(nowait=True)
            raise

    async def _check_role(self) -> None:
        # Unlike ROLE, every user may send HELLO.
        await self.send_command("HELLO", check_health=False)
        if b"master" not in await self.read_response():
            raise RedisConnectionError(f"{self.host}:{self.port} is a replica")


class NodeConnection(AbstractConnection):
    """A connection to any server of a Redis Cluster. Each opening uses the next known server.

    It asks the server for the other servers. Messages of plain channels reach all servers.
    """

    host: str
    port: int

    def __init__(self, *, slots: SlotMap, **options: Any) -> None:
        super().__init__(**options)
        self.slots = slots

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect to the next server, unless the connection is open."""
        if self.is_connected:
            return
        self.host, self.port = self.slots.next_server()
        await super().connect_check_health(*args, **options)
        try:
            await self.slots.read(self, self.host)
        except BaseException:
            await self.disconnect(nowait=True)
            raise


class _TcpMasterConnection(MasterConnection, Connection):
    """A `MasterConnection` without TLS."""


class _TlsMasterConnection(MasterConnection, SSLConnection):
    """A `MasterConnection` with TLS."""


class _TcpNodeConnection(NodeConnection, Connection):
    """A `NodeConnection` without TLS."""


class _TlsNodeConnection(NodeConnection, SSLConnection):
    """A `NodeConnection` with TLS."""


def connection_to(url: RedisUrl) -> tuple[type[AbstractConnection], dict[str, Any]]:
    """Return redis-py's class of connections to the URL's server, and the arguments of the class.

    With Sentinel, the class is a `MasterConnection`, and its argument ``sentinels`` a `Sentinels`.
    With a Redis Cluster, it is a `NodeConnection`, and its argument ``slots`` a `SlotMap`.
    """
    is_tls = issubclass(url.connection_class, SSLConnection)
    if url.service is not None:
        options = {**url.options, "sentinels": Sentinels(url)}
        return _TlsMasterConnection if is_tls else _TcpMasterConnection, options
    if url.is_cluster:
        options = {**url.options, "slots": SlotMap(url)}
        return _TlsNodeConnection if is_tls else _TcpNodeConnection, options
    return url.connection_class, dict(url.options)

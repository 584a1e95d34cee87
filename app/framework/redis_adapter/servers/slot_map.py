"""`SlotMap`: the servers of a Redis Cluster, and which of them has which slots."""

import asyncio
from collections import deque
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.framework.redis_adapter.servers.redis_url import Address, RedisUrl

SERVER_SECONDS = 1.0
"""The time limit for asking one server for the slots; then another one is asked."""


class SlotMap:
    """The masters by slot. Nothing is known before the first server has been asked.

    Attributes:
        masters: The servers that have slots.
        connection_class: redis-py's class of a connection to one server; see `options_of`.
    """

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self.connection_class = url.connection_class
        self._owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self.masters: frozenset[Address] = frozenset()
        self._epoch = 0
        """The epoch of the last accepted answer. Each failover or moved slot increases it."""
        self._servers = deque(url.addresses)
        """All known servers, including those in the URL. The next one to ask is the first."""

    @property
    def servers(self) -> tuple[Address, ...]:
        """All known servers, including replicas and those in the URL."""
        return tuple(self._servers)

    def master_of(self, name: bytes) -> Address | None:
        """Return the server that has the slot of a key or channel; None if it is unknown."""
        return self._owners[key_slot(name)]

    def move(self, slot: int, master: Address) -> None:
        """Change the master of one slot, after a MOVED error."""
        self._owners[slot] = master
        self.masters |= {master}

    def next_server(self) -> Address:
        """Return the next known server. Further calls return the others in turn."""
        self._servers.rotate(-1)
        return self._servers[-1]

    async def refresh(self) -> None:
        """Ask the servers in turn until one answers that is up to date.

        Raises:
            ConnectionError: redis-py's error: no server has given an up-to-date answer.
        """
        error: Exception | None = None
        for _ in range(len(self._servers)):
            try:
                await self.ask(self.next_server())
            except (OSError, RedisError) as failure:
                error = failure
            else:
                return
        self._epoch = 0  # the cluster may have been created again
        raise RedisConnectionError(f"no server of the Redis Cluster answers: {error}")

    async def ask(self, server: Address) -> None:
        """Ask one server for the slots.

        Raises:
            ConnectionError: redis-py's error: see `read`. Its other errors and OSError may be
                raised, too.
        """
        connection = self.connection_class(**self.options_of(server))
        try:
            async with asyncio.timeout(SERVER_SECONDS):
                await self.read(connection, server.host)
        finally:
            await connection.disconnect(nowait=True)

    async def read(self, connection: AbstractConnection, host: str) -> None:
        """Ask the server of a connection for the slots.

        Args:
            host: The name of the server. A server that does not know its own name sends none.

        Raises:
            ConnectionError: redis-py's error: the server knows no slots, or its epoch is older than
                the last one, for example because of a network partition.
        """
        await connection.send_command("CLUSTER", "INFO")
        info: bytes = await connection.read_response()
        await connection.send_command("CLUSTER", "SLOTS")
        reply: list[Any] = await connection.read_response()
        epoch = int(info.partition(b"cluster_current_epoch:")[2].split()[0])
        if epoch < self._epoch:
            raise RedisConnectionError(f"{host} has an old state of the Redis Cluster")
        self._epoch = epoch
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        servers: dict[Address, None] = {}
        for first, last, *addresses in reply:
            known = [Address((name or b"").decode() or host, port) for name, port, *_ in addresses]
            owners[first : last + 1] = [known[0]] * (last + 1 - first)
            servers |= dict.fromkeys(known)
        if not servers:
            raise RedisConnectionError(f"{host} knows no slots")
        # If a slot has no master now, keep its last one.
        self._owners = [new or old for new, old in zip(owners, self._owners, strict=True)]
        self.masters = frozenset(each for each in self._owners if each is not None)
        known_servers = servers | dict.fromkeys(self._url.addresses)
        if known_servers.keys() != set(self._servers):
            self._servers = deque(known_servers)

    def options_of(self, server: Address) -> dict[str, Any]:
        """Return the arguments of redis-py's class of connections for one server."""
        return {**self._url.options, **server._asdict()}

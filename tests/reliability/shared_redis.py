"""The Redis server that the nodes of a scenario share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.e2e.cuttable_link import CuttableLink, cuttable_link
from tests.e2e.hostile.probe_server import eventually
from tests.redis_server import RedisServer
from tests.reliability.participants import VISITOR


class SharedRedis:
    """A Redis server, and a link from each node to it.

    Attributes:
        server: The server to which the links lead now.
        links: The link of each node.
    """

    def __init__(self, server: RedisServer, links: list[CuttableLink]) -> None:
        self.server = server
        self.links = links

    async def subscriptions(self) -> int:
        """Return the number of subscriptions of all nodes, without those for visitors."""
        return await asyncio.to_thread(self._count_subscriptions)

    async def fail_over(self) -> None:
        """Stop the server, and promote a replica that has its data."""
        replica = await asyncio.to_thread(RedisServer)
        await asyncio.to_thread(replica.client.replicaof, "127.0.0.1", str(self.server.port))
        await eventually(
            lambda: replica.client.info("replication")["master_link_status"] == "up",
            lambda: replica.client.info("replication"),
        )
        await asyncio.to_thread(self.server.stop)
        await asyncio.to_thread(replica.client.replicaof, "NO", "ONE")
        self.server = replica
        for link in self.links:
            link.target_port = replica.port

    def _count_subscriptions(self) -> int:
        client = self.server.client
        everything = client.pubsub_shardchannels("socket.io*")
        channels = [each for each in everything if VISITOR not in each]
        by_channel = client.pubsub_shardnumsub(*channels)
        return sum(number for _, number in by_channel) + client.pubsub_numpat()


@asynccontextmanager
async def shared_redis(nodes: int) -> AsyncIterator[SharedRedis]:
    """Start an empty server, and open a link for each node."""
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(RedisServer)
        redis = SharedRedis(server, [])
        for _ in range(nodes):
            redis.links.append(await stack.enter_async_context(cuttable_link(server.url)))
        try:
            yield redis
        finally:
            await asyncio.to_thread(redis.server.stop)  # not always the first server

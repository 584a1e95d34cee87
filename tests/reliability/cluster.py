"""The services that the nodes of a scenario share, besides the database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from tests.reliability.participants import NODE_SETTINGS
from tests.reliability.shared_redis import SharedRedis, shared_redis
from tests.unit.adapters.clerk.key_server import KeyServer

Adapter = Literal["sharded", "classic"]
"""A value of ``CLUSTER_ADAPTER``."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The services of the nodes.

    Attributes:
        issuer: The server that has the keys of the devices' tokens.
    """

    redis: SharedRedis
    issuer: KeyServer
    adapter: Adapter

    def settings(self, node: int) -> Mapping[str, str]:
        """Return the settings of a node, without those of the database."""
        return {
            **NODE_SETTINGS,
            "CLERK_JWKS_URL": self.issuer.url(),
            "CLUSTER_ADAPTER": self.adapter,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis.links[node].port}",
        }


@asynccontextmanager
async def running_cluster(adapter: Adapter, nodes: int) -> AsyncIterator[Cluster]:
    """Start the services of a number of nodes."""
    issuer = KeyServer()
    await issuer.start()
    try:
        async with shared_redis(nodes) as redis:
            yield Cluster(redis, issuer, adapter)
    finally:
        await issuer.stop()

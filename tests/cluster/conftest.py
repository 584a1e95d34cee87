"""Clusters of servers in Python and in Node.js, which share one Redis server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import pytest_asyncio
from dependency_injector import containers, providers

from app.framework import IoAdapter, IoOptions, NestFactory
from app.framework.redis_adapter import RedisNodes, create_adapter, create_sharded_adapter
from tests.cluster.node_server import NodeServer
from tests.cluster.rooms_gateway import AdminGateway, RoomsGateway
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.redis_server import RedisServer

Mode = Literal["dynamic", "static", "classic"]
"""A subscription mode of the sharded adapter, or the classic adapter."""


class ClusterModule(containers.DeclarativeContainer):
    """The module of each node in Python."""

    rooms = providers.Singleton(RoomsGateway)
    admin = providers.Singleton(AdminGateway)


@dataclass(frozen=True, slots=True)
class PythonNode:
    """A running server in Python."""

    url: str
    gateway: RoomsGateway
    cluster: RedisNodes


@dataclass(slots=True)
class Cluster:
    """Two servers in Python and one in Node.js."""

    first: PythonNode
    second: PythonNode
    node: NodeServer
    driver: JsDriver
    clients: list[JsClient] = field(default_factory=list)

    async def client(self, name: str, url: str, *rooms: str, **options: Any) -> JsClient:
        """Connect a client, and let it join rooms."""
        client = self.driver.connect(url, name, {"name": name}, **options)
        self.clients.append(client)
        await client.sees("connect")
        for room in rooms:
            assert "joined" == await client.ask("join", room)
        return client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests in the session's event loop, because they share a Node process."""
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def stack() -> AsyncIterator[AsyncExitStack]:
    """A stack that closes the test's own nodes and clients after the test."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="session", scope="module", params=get_args(Mode))
async def servers(
    request: pytest.FixtureRequest, driver: JsDriver, shared_redis_server: RedisServer
) -> AsyncIterator[Cluster]:
    """A cluster in each mode."""
    url, mode = shared_redis_server.url, request.param
    async with AsyncExitStack() as stack:
        node = NodeServer(url, mode)
        await node.start()
        stack.push_async_callback(node.stop)
        await node.url()
        first, second = [await start(stack, url, mode) for _ in range(2)]
        yield Cluster(first, second, node, driver)


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(servers: Cluster) -> AsyncIterator[Cluster]:
    """The cluster without clients."""
    yield servers
    for client in servers.clients:
        client.disconnect()
    servers.clients.clear()
    async with asyncio.timeout(ANSWER_SECONDS):
        for namespace in ("/", "/admin"):
            while await servers.first.gateway.server.of(namespace).fetch_sockets():
                pass


async def start(stack: AsyncExitStack, redis_url: str, mode: Mode) -> PythonNode:
    """Start a server in Python, which stops at the end of the stack."""
    if mode == "classic":
        redis = create_adapter(redis_url)
    else:
        redis = create_sharded_adapter(redis_url, subscription_mode=mode)
    app = NestFactory.create(ClusterModule, IoAdapter(IoOptions(cluster=redis)))
    stack.push_async_callback(app.close)
    return PythonNode(await app.listen(0), app.get(RoomsGateway), redis)


async def until_received(sender: PythonNode, room: str, event: str, client: JsClient) -> None:
    """Emit an event to a room until a client on another node has received it."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while event not in client.events:
            sender.gateway.server.to(room).emit(event)
            await asyncio.sleep(0.05)

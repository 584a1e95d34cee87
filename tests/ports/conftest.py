"""Runs the ports, and connects real JavaScript clients to them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from app.framework import NestApplication
from tests.e2e.js_client import JsClient, JsDriver


class Port:
    """A running port.

    Attributes:
        http: Sends requests to the port's controllers.
    """

    def __init__(self, url: str, driver: JsDriver, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self._driver = driver
        self._clients: list[JsClient] = []

    def begin(self, name: str, namespace: str = "", **options: Any) -> JsClient:
        """Begin to connect a client. By default, its ``auth`` contains its name."""
        auth = options.pop("auth", {"name": name})
        client = self._driver.connect(self.url, name, auth, namespace=namespace, **options)
        self._clients.append(client)
        return client

    async def connect(self, name: str, namespace: str = "", **options: Any) -> JsClient:
        """Connect a client, and wait for ``connect``."""
        client = self.begin(name, namespace, **options)
        await client.sees("connect")
        return client

    def disconnect(self) -> None:
        """Disconnect all clients."""
        for client in self._clients:
            client.disconnect()


Serve = Callable[[NestApplication], Awaitable[Port]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of all ports in one event loop, because they share a Node process."""
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def serve(driver: JsDriver) -> AsyncIterator[Serve]:
    """Starts applications on free ports. They are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def serve(app: NestApplication) -> Port:
            stack.push_async_callback(app.close)
            url = await app.listen(0)
            http = await stack.enter_async_context(aiohttp.ClientSession(url))
            port = Port(url, driver, http)
            stack.callback(port.disconnect)
            return port

        yield serve

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.chat_groups import Chat, Chats, write_seed
from tests.e2e.js_client import JsDriver
from tests.e2e.light_client import Crowd
from tests.e2e.server_process import Serve, ServerProcess, running
from tests.redis_server import RedisServer

GENEROUS = {
    "RATE_LIMIT_CONNECTS_PER_MINUTE": "100000",
    "RATE_LIMIT_FAILED_AUTH_PER_MINUTE": "100000",
    "RATE_LIMIT_EVENTS_PER_SECOND": "100000",
    "RATE_LIMIT_BURST": "100000",
    "CONNECT_TIMEOUT_SECONDS": "120",
    "RATE_LIMIT_RECEIPTS_PER_SECOND": "100000",
    "RATE_LIMIT_RECEIPTS_BURST": "100000",
}
"""Limits that no test reaches, even though all tests share one address."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run this folder's tests in one event loop, because they share a server and a Node process."""
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest.fixture(scope="session")
def seed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seed file with the users and channels of all tests."""
    return write_seed(tmp_path_factory.mktemp("seed") / "seed.json")


@pytest.fixture(scope="session")
def chats(driver: JsDriver) -> Chats:
    """Creates groups of users for tests."""
    return Chats(driver)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serve(tmp_path_factory: pytest.TempPathFactory, seed_file: Path) -> AsyncIterator[Serve]:
    """Starts servers. They are stopped after the module's last test."""
    async with AsyncExitStack() as servers:

        async def serve(**settings: str) -> ServerProcess:
            folder = tmp_path_factory.mktemp("server")
            everything = {"SEED_FILE": str(seed_file), **GENEROUS, **settings}
            return await servers.enter_async_context(running(folder, everything))

        yield serve


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(
    tmp_path_factory: pytest.TempPathFactory, seed_file: Path
) -> AsyncIterator[ServerProcess]:
    """The default server of the tests, on SQLite.

    Modules that need other settings override this.
    """
    settings = {"SEED_FILE": str(seed_file), **GENEROUS}
    async with running(tmp_path_factory.mktemp("server"), settings) as server:
        yield server


@pytest.fixture
def chat(chats: Chats, server: ServerProcess) -> Iterator[Chat]:
    """A new group of users on `server`."""
    chat = chats.on(server)
    yield chat
    chat.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def crowd() -> AsyncIterator[Crowd]:
    """Opens clients to any server. They are closed after the test."""
    async with AsyncExitStack() as clients:
        yield Crowd(clients)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis server for the tests of one module, which may stop or freeze it."""
    server = RedisServer()
    yield server
    server.stop()

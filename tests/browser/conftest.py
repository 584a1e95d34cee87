from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.browser import Browser, Tab, Window
from tests.browser.chromium import MISSING, find_chromium
from tests.e2e.server_process import ServerProcess, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run this folder's tests in one event loop, because they share a browser."""
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.fail(MISSING, pytrace=False)
    browser = Browser(executable)
    await browser.start()
    yield browser
    await browser.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server with default settings, except that it closes expired sessions after 0.5 s."""
    async with running(tmp_path, {"AUTH_EXPIRY_GRACE_SECONDS": "0.5"}) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Window]:
    window = await browser.window(viewport={"width": 1280, "height": 800})
    yield window
    await window.close()


@pytest_asyncio.fixture(loop_scope="session")
async def alice(window: Window, server: ServerProcess) -> Tab:
    """A tab in which Alice is connected."""
    tab = await window.tab()
    await tab.sign_in(server.url, "Alice")
    return tab


@pytest_asyncio.fixture(loop_scope="session")
async def bob(window: Window, server: ServerProcess) -> Tab:
    """A tab of the same window in which Bob is connected."""
    tab = await window.tab()
    await tab.sign_in(server.url, "Bob")
    return tab

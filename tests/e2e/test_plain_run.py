from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.server_process import ServerProcess, running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server without any configuration."""
    async with running(tmp_path_factory.mktemp("newcomer"), {}) as server:
        yield server


async def demo_user(server: ServerProcess, driver: JsDriver, user_id: str) -> JsClient:
    """Connect a demo user with the token that the command prints."""
    token = (await server.command("token", user_id)).out.strip()
    client = driver.connect(server.url, user_id, {"token": token})
    await client.sees("connect")
    return client


async def test_demo_users_chat_when_nothing_is_configured(
    server: ServerProcess, driver: JsDriver
) -> None:
    """The demo users can chat without any key, service or seed file."""
    alice = await demo_user(server, driver, "user_alice")
    bob = await demo_user(server, driver, "user_bob")

    await alice.ask("sendMessage", {"content": "hi Bob", "channelId": "general"})
    await bob.ask("sendMessage", {"content": "hi Alice", "channelId": "general"})

    contents = [(await alice.sees("message.created"))["content"] for _ in range(2)]
    assert ["hi Bob", "hi Alice"] == contents
    alice.disconnect()
    bob.disconnect()


async def test_run_says_what_to_do_next_when_it_listens(server: ServerProcess) -> None:
    """The output has the server's address, the page, the demo users and the command for a token."""
    assert f"listening on {server.url}" in server.out
    assert f"The page to try it: {server.url}/" in server.out
    assert "user_alice" in server.out
    assert "python -m app token user_alice" in server.out
    assert "started" in server.err


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/health"])
async def test_health_is_ok_when_the_server_runs(server: ServerProcess, path: str) -> None:
    async with ClientSession() as http, http.get(f"{server.url}{path}") as answer:
        assert {"status": "ok"} == await answer.json()


@pytest.mark.parametrize(
    ("path", "content_type"), [("/", "text/html"), ("/socket.io/socket.io.js", "text/javascript")]
)
async def test_page_and_client_are_served_when_nothing_is_configured(
    server: ServerProcess, path: str, content_type: str
) -> None:
    async with ClientSession() as http, http.get(f"{server.url}{path}") as answer:
        assert (200, content_type) == (answer.status, answer.content_type)


async def test_second_server_says_so_when_the_port_is_taken(
    server: ServerProcess, tmp_path: Path
) -> None:
    """The error says to stop the other program, or to set another port."""
    second = ServerProcess(tmp_path, {"PORT": str(server.port)})

    finished = await second.command("run")

    assert 1 == finished.code
    assert finished.err.rstrip().endswith("stop the program that uses it, or set another PORT.")
    assert "Traceback" not in finished.err

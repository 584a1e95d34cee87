import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest_asyncio

from tests.e2e.chat_groups import Chat
from tests.e2e.hostile.probe_server import eventually
from tests.e2e.server_process import Serve, ServerProcess

SPARE = 3
CONNECTIONS = 20


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server whose file descriptors the test uses up."""
    return await serve()


def open_files(pid: int) -> int:
    """Return the number of open descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def until_logged(server: ServerProcess, text: str) -> None:
    """Wait until the server's log contains the text."""
    await eventually(lambda: text in server.err, lambda: server.err)


async def test_connected_clients_are_served_when_no_file_descriptor_is_left(chat: Chat) -> None:
    """The error is logged once, and new clients are accepted once descriptors are free again."""
    server = chat.server
    alice = await chat.client("alice")
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    limit = open_files(server.pid) + SPARE
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, hard))

    with ExitStack() as connections:
        for _ in range(CONNECTIONS):
            connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        await until_logged(server, f"no file descriptor is left (limit {limit})")
        sent = await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
    bob = await chat.client("bob")
    await alice.ask("sendMessage", {"content": "again", "channelId": chat.general})

    assert "hello" == sent["data"]["content"]
    assert "again" == (await bob.sees("message.created"))["content"]
    assert 1 == server.err.count("no file descriptor is left")

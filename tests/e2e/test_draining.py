"""Tests the shutdown after a signal, in which readiness fails first and connections close last."""

import signal
from pathlib import Path

from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.conftest import GENEROUS
from tests.e2e.nodes import readiness
from tests.e2e.server_process import ServerProcess

DRAINING = (503, {"status": "unavailable", "reason": "draining"})


def draining(folder: Path, seed_file: Path, drain_seconds: str) -> ServerProcess:
    settings = {"SEED_FILE": str(seed_file), "DRAIN_SECONDS": drain_seconds, **GENEROUS}
    return ServerProcess(folder, settings)


async def delivered(chat: Chat, text: str) -> str:
    """Connect two new clients, send a message, and return the received content."""
    alice, bob = await chat.client("alice"), await chat.client("bob")
    await alice.ask("sendMessage", {"content": text, "channelId": chat.general})
    content: str = (await bob.sees("message.created"))["content"]
    return content


async def test_server_is_not_ready_but_serves_when_it_shuts_down(
    tmp_path: Path, seed_file: Path, chats: Chats
) -> None:
    """The server still admits clients after SIGHUP, although its readiness check fails.

    A second SIGHUP has no effect, because a closing terminal may send two. A SIGTERM then stops the
    server at once.
    """
    server = draining(tmp_path, seed_file, "600")
    await server.start()
    server.signal(signal.SIGHUP)

    answer = await readiness(server, DRAINING)
    server.signal(signal.SIGHUP)
    chat = chats.on(server)
    content = await delivered(chat, "still here")
    server.signal(signal.SIGTERM)
    code = await server.ended()
    chat.leave()

    assert DRAINING == answer
    assert "still here" == content
    assert -signal.SIGTERM == code


async def test_clients_are_notified_and_come_back_when_the_server_shuts_down(
    tmp_path: Path, seed_file: Path, chats: Chats
) -> None:
    """The JavaScript client reconnects without any code in the frontend."""
    server = draining(tmp_path, seed_file, "4")
    await server.start()
    chat = chats.on(server)
    alice = await chat.client("alice")

    server.signal(signal.SIGTERM)
    notice = await alice.sees("server:draining")
    reason = await alice.sees("disconnect")
    code = await server.ended()
    await server.start()
    await alice.sees("connect")
    content = await delivered(chat, "back again")
    chat.leave()
    await server.stop()

    assert 500 <= notice["reconnectAfterMs"] <= 5_000
    assert ("transport close", 0) == (reason, code)
    assert "back again" == content


async def test_reloader_ends_cleanly_when_it_gets_a_signal(tmp_path: Path, seed_file: Path) -> None:
    """The server does not drain: with ``--reload`` the default of ``DRAIN_SECONDS`` is 0."""
    settings = {"SEED_FILE": str(seed_file), **GENEROUS}
    server = ServerProcess(tmp_path, settings, is_forked=False)
    await server.start("--reload")

    server.signal(signal.SIGTERM)
    code = await server.ended()

    assert 0 == code
    assert "stopped" in server.err
    assert "draining" not in server.err

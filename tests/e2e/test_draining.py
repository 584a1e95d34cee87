"""Tests the shutdown after a signal, in which readiness fails first and connections close last."""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic

from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.conftest import GENEROUS
from tests.e2e.nodes import readiness
from tests.e2e.server_process import ServerProcess

BATCHES = 20
"""The number of clients with which each client is a batch of its own."""

DRAINING = (503, {"status": "unavailable", "reason": "draining"})


def draining(folder: Path, seed_file: Path, drain_seconds: str) -> ServerProcess:
    settings = {
        "SEED_FILE": str(seed_file),
        "DRAIN_SECONDS": drain_seconds,
        "DATABASE_LOCK_TIMEOUT_SECONDS": "2.5",
        **GENEROUS,
    }
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


async def test_clients_leave_one_after_another_when_the_server_shuts_down(
    tmp_path: Path, seed_file: Path, chats: Chats
) -> None:
    """Each client gets a reconnect delay of its own, and is served until its turn.

    A message whose storing has begun is acked before its sender is disconnected.
    """
    server = draining(tmp_path, seed_file, "10")
    await server.start()
    chat = chats.on(server)
    alices = [await chat.client("alice") for _ in range(BATCHES)]
    first, sender, second_last, last = alices[0], *alices[-3:]

    server.signal(signal.SIGTERM)
    signalled_at = monotonic()
    notices = [await each.sees("server:draining") for each in alices]
    await first.sees("disconnect")
    served = await last.ask("message:getOfflineCount")
    with closing(sqlite3.connect(tmp_path / ".data/chat.db")) as database:
        database.execute("BEGIN IMMEDIATE")
        sending = asyncio.create_task(
            sender.ask("sendMessage", {"content": "the last one", "channelId": chat.general})
        )
        await second_last.sees("disconnect")
    sent = await sending
    reasons = [await each.sees("disconnect") for each in (sender, last)]
    code = await server.ended()
    seconds = monotonic() - signalled_at
    chat.leave()

    delays = [notice["reconnectAfterMs"] for notice in notices]
    assert "data" in served
    assert "the last one" == sent["data"]["content"]
    assert max(delays) - min(delays) > 1_000
    assert ["transport close"] * 2 == reasons
    assert 0 == code
    assert seconds < 10


async def test_server_ends_at_once_when_a_second_signal_arrives(
    tmp_path: Path, seed_file: Path
) -> None:
    server = draining(tmp_path, seed_file, "600")
    await server.start()

    server.signal(signal.SIGTERM)
    await readiness(server, DRAINING)
    server.signal(signal.SIGTERM)

    assert -signal.SIGTERM == await server.ended()


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

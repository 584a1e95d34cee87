from tests.e2e.chat_groups import Chats
from tests.e2e.expected_payloads import A_TEXT
from tests.e2e.nodes import readiness
from tests.e2e.server_process import Serve


async def test_nothing_is_acked_when_the_database_was_deleted(chats: Chats, serve: Serve) -> None:
    """Clients receive errors, readiness fails with 503, and one log line names the file."""
    server = await serve()
    chat = chats.on(server)
    alice = await chat.client("alice")
    await alice.ask("sendMessage", {"content": "kept", "channelId": chat.general})

    (server.folder / ".data" / "chat.db").unlink()
    answer = await alice.ask("sendMessage", {"content": "lost?", "channelId": chat.general})
    not_ready = (503, {"status": "unavailable", "reason": "storage unavailable"})
    health = await readiness(server, not_ready)
    chat.leave()
    await server.stop()

    assert {"error": A_TEXT, "code": "unavailable", "temporary": True} == answer
    assert not_ready == health
    assert 1 == server.err.count("chat.db was deleted or replaced while in use")
    await server.start()

import json

import pytest

from tests.e2e.chat_groups import Chats
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import Serve

CANARY = "canary-7f3a"


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_logs_hold_no_token_and_no_content_when_everything_is_logged(
    chats: Chats, serve: Serve, log_format: str
) -> None:
    """No secret is logged for any accepted, refused or malformed event or token."""
    server = await serve(LOG_LEVEL="debug", LOG_FORMAT=log_format)
    chat = chats.on(server)
    good, expired, revoked = [
        await server.token(chat.user_id("alice"), ttl) for ttl in (60, -60, 60)
    ]
    tokens = [good, expired, revoked, f"Bearer {good}", f"{good}==", CANARY]

    await server.command("revoke", "--token", revoked)
    for token in tokens[1:]:
        await chat.refusal({"token": token}, query={"token": token})
    alice = chat.connecting("alice", {"token": good}, extraHeaders={"Authorization": good})
    await alice.sees("connect")
    sent = await alice.ask("sendMessage", {"content": CANARY, "channelId": chat.general})
    change = {"messageId": sent["data"]["id"], "content": f"{CANARY}!"}
    await alice.ask("updateMessage", change)
    for event in ("sendMessage", "updateMessage", "typing", CANARY):
        await alice.ask(event, {"content": CANARY, "channelId": chat.private, "messageId": CANARY})
        alice.emit(event, {"content": [CANARY], "secret": CANARY})
        await alice.sees("exception")
    async with raw_socket(server) as socket:
        await socket.connect(good)
        await socket.send(f'42["{CANARY}",{CANARY}]')
        await socket.closed()
    chat.leave()
    await server.stop()
    log = server.out + server.err
    await server.start()

    assert "connection refused" in log
    assert "not_a_member" in log
    for secret in (CANARY, *(token.rpartition(".")[2] for token in (good, expired, revoked))):
        assert secret not in log
    if log_format == "json":
        assert all(
            "request_id" in json.loads(line) for line in log.splitlines() if "refused" in line
        )

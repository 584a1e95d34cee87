import json

import pytest
from aiohttp import WSServerHandshakeError

from tests.e2e.chat_groups import Chat
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import ServerProcess


async def test_client_gets_connect_error_when_it_starts_with_polling(chat: Chat) -> None:
    """The JavaScript client polls first by default."""
    token = await chat.token("alice")

    alice = chat.connecting("alice", {"token": token}, transports=["polling"])

    assert "xhr poll error" == (await alice.sees("connect_error"))["message"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://localhost:3000.evil.example.com"]
)
async def test_upgrade_is_refused_when_the_origin_is_foreign(
    server: ServerProcess, origin: str
) -> None:
    """The upgrade is answered with 403, and ``X-Forwarded-Host`` cannot change this."""
    headers = {"Origin": origin, "X-Forwarded-Host": "evil.example.com"}

    with pytest.raises(WSServerHandshakeError) as refused:
        async with raw_socket(server, headers):
            pass

    assert 403 == refused.value.status


async def test_client_is_connected_when_the_origin_is_ours(chat: Chat) -> None:
    """In development the local frontend's origin is allowed."""
    origin = {"Origin": "http://localhost:3000"}

    await chat.client("alice", extraHeaders=origin)


async def test_transport_is_closed_when_the_client_was_refused(server: ServerProcess) -> None:
    """The server sends CONNECT, ``error`` and DISCONNECT before it closes the transport."""
    async with raw_socket(server) as socket:
        await socket.send("40{}")
        (connect, error, disconnect), code = await socket.closed()

    assert connect.startswith('40{"sid":"')
    assert ["error", "token_missing"] == [
        json.loads(error[2:])[0],
        json.loads(error[2:])[1]["code"],
    ]
    assert "41" == disconnect
    assert 1000 == code


async def test_events_are_not_handled_when_they_come_before_the_refusal(chat: Chat) -> None:
    alice = await chat.client("alice")
    send = json.dumps(["sendMessage", {"content": "hello", "channelId": chat.general}])

    async with raw_socket(chat.server) as socket:
        await socket.send('40{"token":"none"}')
        await socket.send(f"421{send}")
        frames, _ = await socket.closed()

    assert 3 == len(frames)
    assert not await alice.has_seen("message.created")


@pytest.mark.parametrize("frame", ["x", '42["a"', "40"])
async def test_connection_is_closed_when_a_frame_is_malformed(chat: Chat, frame: str) -> None:
    """The user's other sockets stay connected."""
    alice = await chat.client("alice")

    async with raw_socket(chat.server) as socket:
        await socket.connect(await chat.token("alice"))
        await socket.send(frame)
        frames, code = await socket.closed()

    assert ([], 1002) == (frames, code)
    assert "data" in await alice.ask("typing:get", {"channelId": chat.general})
    assert "Traceback" not in chat.server.err


async def test_connection_is_closed_when_a_frame_is_too_big(chat: Chat) -> None:
    """A frame of 64 KiB is accepted, and one byte more closes the connection."""
    start, end = '420["typing:get",{"channelId":"', '"}]'
    filling = "x" * (65_536 - len(start) - len(end))

    async with raw_socket(chat.server) as socket:
        await socket.connect(await chat.token("alice"))
        await socket.send(f"{start}{filling}{end}")
        answer = await socket.receive()
        await socket.send(f"{start}{filling}x{end}")
        frames, code = await socket.closed()

    assert answer.startswith("430[")
    assert ([], 1009) == (frames, code)


async def test_typing_ends_when_the_typists_connection_is_malformed(chat: Chat) -> None:
    bob = await chat.client("bob")
    typing = json.dumps(["typing", {"channelId": chat.general}])

    async with raw_socket(chat.server) as socket:
        await socket.connect(await chat.token("alice"))
        await socket.send(f"42{typing}")
        started = await bob.sees("typing")
        await socket.send("x")
        ended = await bob.sees("typing")

    assert [True, False] == [started["isTyping"], ended["isTyping"]]

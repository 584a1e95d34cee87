"""Tests of a connection to Redis (app/framework/redis_adapter/servers/redis_connection.py)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.servers.redis_connection import RedisConnection
from app.framework.redis_adapter.servers.redis_connections import RedisConnections
from tests.certificates import self_signed_certificate
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer
from tests.unit.framework.redis_adapter.stream_server import stream_server


@asynccontextmanager
async def answering(replies: bytes) -> AsyncIterator[RedisConnection]:
    """Connect to a server that sends these bytes after the first command."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(replies)
        await reader.read()

    async with stream_server(serve) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        transport: Any = writer.transport
        connection = RedisConnection(transport)
        transport.set_protocol(connection)
        try:
            yield connection
        finally:
            connection.close()


async def lost(connection: RedisConnection) -> None:
    """Send a command, and wait until the connection is lost."""
    connection.send(b"PING")
    async with asyncio.timeout(ANSWER_SECONDS):
        await connection.watch(lambda: None)


async def test_replies_arrive_in_order_when_their_bytes_arrive_together() -> None:
    replies: asyncio.Queue[Any] = asyncio.Queue()

    async with answering(b"$2\r\nab\r\n:7\r\n-ERR no\r\n") as connection:
        connection.handle_reply = replies.put_nowait
        connection.send(b"PING")
        async with asyncio.timeout(ANSWER_SECONDS):
            first, second, third = [await replies.get() for _ in range(3)]

    assert (b"ab", 7) == (first, second)
    assert isinstance(third, ResponseError)


async def test_other_tasks_run_when_many_replies_arrive_together() -> None:
    replies: list[Any] = []
    seen = set()

    async with answering(b":1\r\n" * 1_000) as connection:
        connection.handle_reply = replies.append
        connection.send(b"PING")
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(replies) < 1_000:
                await asyncio.sleep(0)
                seen.add(len(replies))

    assert len(seen) > 10


async def test_connection_is_lost_when_a_reply_has_no_command() -> None:
    async with answering(b":1\r\n") as connection:
        with pytest.raises(RedisConnectionError, match="a reply without a command"):
            await lost(connection)


async def test_connection_is_lost_when_the_server_does_not_speak_its_protocol() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n") as connection:
        with pytest.raises(Exception, match="Protocol error"):
            await lost(connection)


async def test_messages_arrive_when_redis_uses_tls(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """More messages than are handled in one turn, and one that takes many reads."""
    received: asyncio.Queue[bytes] = asyncio.Queue()
    channel = Channel.plain("x")
    payloads = [*(b"%d" % number for number in range(1_000)), b"x" * 500_000]

    async with tls_in_front_of(redis_server, tmp_path) as url:
        bus = RedisBus(RedisConnections.of(url))
        bus.subscribe(channel, lambda _, payload: received.put_nowait(payload))
        await bus.open()
        for payload in payloads:
            bus.publish(channel, payload)
        async with asyncio.timeout(ANSWER_SECONDS):
            arrived = [await received.get() for _ in payloads]
        await bus.close()

    assert payloads == arrived


@asynccontextmanager
async def tls_in_front_of(redis: RedisServer, folder: Path) -> AsyncIterator[str]:
    """Forward TLS connections to a server; yield the URL with which clients check them."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    for file, text in zip((certificate, key), self_signed_certificate("redis.test"), strict=True):
        file.write_text(text)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", redis.port)
        try:
            await asyncio.gather(forward(reader, to_redis), forward(from_redis, writer))
        finally:
            to_redis.close()

    async with stream_server(serve, context) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}"

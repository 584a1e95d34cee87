"""A WebSocket client that can send invalid frames."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.deadlines import ANSWER_SECONDS

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION = 0
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class RawClient:
    """A connection that answers neither pings nor close frames automatically."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.response_head = ""

    @property
    def status(self) -> int:
        return int(self.response_head.split(" ", 2)[1])

    async def upgrade(self, headers: Mapping[str, str], query: str) -> None:
        """Request the WebSocket, and read the head of the answer."""
        lines = [
            f"GET /socket.io/?{query} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {_KEY}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            self.response_head = (await self.reader.readuntil(b"\r\n\r\n")).decode()

    def send(self, *texts: str) -> None:
        """Send text frames in one segment."""
        self.send_bytes(b"".join(frame(text.encode()) for text in texts))

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)

    def connect(self, auth: object = None, *behind: str) -> None:
        """Send CONNECT to the default namespace, and these frames in the same segment."""
        self.send("40" if auth is None else f"40{json.dumps(auth)}", *behind)

    async def receive_frame(self) -> tuple[int, bytes]:
        """Return the opcode and payload of the next frame.

        Raises:
            EOFError: The server has closed the connection.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self.next_frame()

    async def next_frame(self) -> tuple[int, bytes]:
        """Return the next frame like `receive_frame`, without a timeout."""
        try:
            first, second = await self.reader.readexactly(2)
            length = second & 127
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 15, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error

    async def receive(self) -> str:
        opcode, payload = await self.receive_frame()
        assert TEXT == opcode, payload
        return payload.decode()

    async def receive_packet(self) -> tuple[str, Any]:
        """Return the next Socket.IO packet as a pair: its type with its id, and its data."""
        return packet(await self.receive())

    async def everything(self) -> list[str]:
        """Return all text frames that arrive until the server closes the connection."""
        texts = []
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    opcode, payload = await self.receive_frame()
                    if opcode == CLOSE:
                        self.writer.write(frame(payload, opcode=CLOSE))
                    elif opcode == TEXT:
                        texts.append(payload.decode())
        except EOFError:
            return texts

    async def close_code(self) -> int:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                opcode, payload = await self.receive_frame()
                if opcode == CLOSE:
                    (code,) = struct.unpack("!H", payload[:2])
                    return int(code)

    def abort(self) -> None:
        """Reset the connection, as a killed process does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def packet(text: str) -> tuple[str, Any]:
    """Split a Socket.IO packet into a pair: its type with its id, and its data."""
    head = text[: min((text.index(each) for each in "[{" if each in text), default=None)]
    rest = text[len(head) :]
    return head, json.loads(rest) if rest else None


def frame(payload: bytes, *, opcode: int = TEXT, final: bool = True) -> bytes:
    """Return a WebSocket frame with a mask of zeros."""
    length = len(payload)
    head = bytes([final << 7 | opcode])
    if length < 126:
        head += bytes([128 | length])
    elif length < 65_536:
        head += bytes([128 | 126]) + struct.pack("!H", length)
    else:
        head += bytes([128 | 127]) + struct.pack("!Q", length)
    return head + bytes(4) + payload


def fragments(payload: bytes, size: int) -> bytes:
    """Split a text message into frames of ``size`` bytes."""
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    return b"".join(
        frame(
            part,
            opcode=TEXT if number == 0 else _CONTINUATION,
            final=number == len(parts) - 1,
        )
        for number, part in enumerate(parts)
    )


@asynccontextmanager
async def tcp_client(url: str, receive_buffer: int | None = None) -> AsyncIterator[RawClient]:
    """Open a TCP connection. ``receive_buffer`` limits the size of its window."""
    address = urlsplit(url)
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address.hostname, address.port))
    except BaseException:
        sock.close()
        raise
    reader, writer = await asyncio.open_connection(
        sock=sock, limit=2**20 if receive_buffer is None else receive_buffer
    )
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def websocket_client(
    url: str,
    headers: Mapping[str, str] | None = None,
    query: str = "EIO=4&transport=websocket",
    receive_buffer: int | None = None,
) -> AsyncIterator[RawClient]:
    """Open a WebSocket and read Engine.IO's open packet, unless the upgrade is refused."""
    async with tcp_client(url, receive_buffer) as client:
        await client.upgrade(headers or {}, query)
        if client.status == 101:
            assert "0" == (await client.receive())[:1]
        yield client

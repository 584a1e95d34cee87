"""`RedisConnection`: sends commands to Redis, and passes each reply to a function.

redis-py opens the connection, and then leaves its socket to this class. redis-py itself would run
a coroutine for each reply, which doubles the time that a node needs to receive a message.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

ANSWER_SECONDS = 2.0
"""The time limit for connecting, and for an answer of Redis."""
PING_SECONDS = 2.0
"""After this time without a reply, Redis is pinged."""
_REPLIES_AT_ONCE = 64
"""After this number of replies, other tasks run."""
_INCOMPLETE = object()
"""Stands for a reply that has not arrived completely."""


class RedisConnection(asyncio.Protocol):
    """An open connection.

    The number of commands without a reply is not limited: the caller must limit it.

    Attributes:
        handle_reply: Receives each reply; an error of Redis is a ResponseError. It must not block.
            If it raises, the connection is closed.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.handle_reply: Callable[[Any], None] = _reject
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=ResponseError, notEnoughData=_INCOMPLETE)
        self._commands: list[bytes] = []
        self._replied_at = self._loop.time()
        self._lost: asyncio.Future[None] = self._loop.create_future()

    def send(self, *parts: bytes) -> None:
        """Queue a command. All commands of an iteration of the event loop leave in one write."""
        if not self._commands:
            self._loop.call_soon(self._write_commands)
        command: bytes = hiredis.pack_command(parts)  # type: ignore[arg-type] # stub: one part
        self._commands.append(command)

    async def watch(self, ping: Callable[[], None]) -> None:
        """Wait until the connection is lost, and raise the reason. Ping Redis after a silence.

        One timer watches all replies: a time limit for each reply would need a timer for each.

        Args:
            ping: Sends a PING.
        """
        time = self._loop.time
        while not self._lost.done():
            silence = time() - self._replied_at
            if silence < PING_SECONDS:
                await asyncio.wait([self._lost], timeout=PING_SECONDS - silence)
                continue
            pinged_at = time()
            ping()
            await asyncio.wait([self._lost], timeout=ANSWER_SECONDS)
            if self._replied_at < pinged_at:
                self._close(RedisConnectionError("no reply to a ping"))
        await self._lost

    def close(self) -> None:
        """Close the connection at once. Redis may not have read the last commands."""
        self._close(RedisConnectionError("closed by this node"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._close(exc or RedisConnectionError("closed by Redis"))

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._replied_at = self._loop.time()
        self._reader.feed(data)
        self._handle_replies()

    def _handle_replies(self) -> None:
        if self._lost.done():
            return
        try:
            for _ in range(_REPLIES_AT_ONCE):
                reply = self._reader.gets()
                if reply is _INCOMPLETE:
                    self._transport.resume_reading()
                    return
                self.handle_reply(reply)
        except Exception as error:  # noqa: BLE001 - `watch` raises it
            self._close(error)
        else:
            self._transport.pause_reading()
            self._loop.call_soon(self._handle_replies)

    def _write_commands(self) -> None:
        if not self._lost.done():
            self._transport.write(b"".join(self._commands))
        self._commands.clear()

    def _close(self, error: Exception) -> None:
        if not self._lost.done():
            self._lost.set_exception(error)
            self._lost.exception()  # the connection may be closed while nothing awaits `watch`
            self._transport.abort()


def _reject(reply: Any) -> None:
    del reply
    raise RedisConnectionError("a reply without a command")

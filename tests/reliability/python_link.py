"""A client in Python that reconnects like the JavaScript client."""

import asyncio
import json
import random
from contextlib import suppress
from http import HTTPStatus

from tests.e2e.hostile.raw_client import TEXT, RawClient, packet, websocket_client
from tests.reliability.link import Link

_RETRY_SECONDS = (0.05, 0.15)


class PythonLink(Link):
    """Keeps a client connected while `run` runs.

    Args:
        retry_seconds: The shortest and the longest pause between two connections.
    """

    def __init__(
        self, url: str, token: str, retry_seconds: tuple[float, float] = _RETRY_SECONDS
    ) -> None:
        super().__init__()
        self._retry_seconds = retry_seconds
        self._url = url
        self._token = token
        self._raw: RawClient | None = None

    async def run(self) -> None:
        """Connect, and reconnect whenever the connection is lost, until cancelled."""
        while True:
            with suppress(OSError, EOFError):  # The connection failed; try again.
                await self._connect()
            self._lost()
            await asyncio.sleep(random.uniform(*self._retry_seconds))

    async def _connect(self) -> None:
        async with websocket_client(self._url) as raw:
            if raw.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self._raw = raw
                raw.connect({"token": self._token})
                await self._read(raw)

    async def _read(self, raw: RawClient) -> None:
        while True:
            opcode, payload = await raw.next_frame()
            if opcode != TEXT:
                raise EOFError
            match packet(payload.decode()):
                case "2", None:
                    raw.send("3")
                case "40", _:
                    self._connected()
                case "41" | "44", _:
                    raise EOFError
                case "42", [str(event), *arguments]:
                    self.on_event(event, arguments[0] if arguments else None)
                case head, [answer] if head.startswith("43"):
                    self._answered(int(head[2:]), answer)

    def _emit(self, number: int, event: str, payload: object) -> None:
        assert self._raw is not None
        arguments = [event] if payload is None else [event, payload]
        self._raw.send(f"42{number}{json.dumps(arguments)}")

"""Clients that are light enough for hundreds in this process, and know when they heard what."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.hostile.raw_client import (
    CLOSE,
    TEXT,
    RawClient,
    frame,
    packet,
    websocket_client,
)
from tests.e2e.server_process import ServerProcess

ADMITTED = "admitted"
REFUSED_FOR_NOW = "refused for now"
"""Closed without an answer to CONNECT: the refusal is temporary."""

_TRY_AGAIN_LATER = (1013).to_bytes(2)
RETRY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """An ack's data, and how long one waited for it."""

    data: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ADMITTED` or why not, or no longer; and when it was heard by the monotonic clock.

    Why not is a code, or `REFUSED_FOR_NOW`.
    """

    code: str
    at: float


class LightClient:
    """Reads in the background and answers pings; ignores what others say.

    Its server must refuse by ``AUTH_FAILURE_MODE=connect_error``: else nobody is told at once that
    they were admitted.

    Attributes:
        farewell: The ``error`` event, once it came.
    """

    def __init__(self, raw: RawClient) -> None:
        self.farewell: Verdict | None = None
        self._raw = raw
        self._verdict = asyncio.get_running_loop().create_future()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ids = count()
        self._closed = asyncio.Event()

    def connect(self, token: str) -> None:
        """Say who it is."""
        self._raw.connect({"token": token})

    async def verdict(self) -> Verdict:
        """What became of that."""
        async with asyncio.timeout(ANSWER_SECONDS):
            verdict: Verdict = await self._verdict
            return verdict

    async def ask(self, event: str, payload: object = None) -> Answer:
        """Send an event and wait for its ack.

        Raises:
            EOFError: The server has closed the connection.
        """
        ack_id = str(next(self._ids))
        arguments = [event] if payload is None else [event, payload]
        answer = self._answers[ack_id] = asyncio.get_running_loop().create_future()
        asked_at = time.monotonic()
        self._raw.send(f"42{ack_id}{json.dumps(arguments)}")
        async with asyncio.timeout(ANSWER_SECONDS):
            return Answer(await answer, time.monotonic() - asked_at)

    async def ended(self) -> Verdict:
        """Wait until it was told to go, and the connection is closed."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._closed.wait()
        assert self.farewell is not None, "closed without a word"
        return self.farewell

    async def leave(self) -> None:
        """Go as a client does that is asked to."""
        self._raw.send("41", "1")
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._closed.wait()

    async def read(self) -> None:
        """Whoever has opened it runs this until it is closed."""
        try:
            while True:
                opcode, payload = await self._raw.next_frame()
                if opcode == TEXT:
                    self._receive(*packet(payload.decode()))
                elif opcode == CLOSE:
                    if payload == _TRY_AGAIN_LATER and not self._verdict.done():
                        self._verdict.set_result(Verdict(REFUSED_FOR_NOW, time.monotonic()))
                    self._raw.send_bytes(frame(payload, opcode=CLOSE))
        except EOFError as error:
            for answer in self._answers.values():
                answer.set_exception(error)
            self._closed.set()

    def _receive(self, head: str, data: Any) -> None:
        match head, data:
            case "2", None:
                self._raw.send("3")
            case "40", _:
                self._verdict.set_result(Verdict(ADMITTED, time.monotonic()))
            case "44", {"data": {"code": code}}:
                self._verdict.set_result(Verdict(code, time.monotonic()))
            case "42", ["error", {"code": code}]:
                self.farewell = Verdict(code, time.monotonic())
            case _, [answer] if head.startswith("43"):
                self._answers.pop(head[2:]).set_result(answer)


class Crowd:
    """Opens clients, which all go when the crowd does."""

    def __init__(self, clients: AsyncExitStack) -> None:
        self._clients = clients

    async def stranger(
        self, server: ServerProcess, headers: Mapping[str, str] | None = None
    ) -> LightClient:
        """A client that has not said yet who it is."""
        return await self._clients.enter_async_context(_light_client(server, headers))

    async def admitted(self, server: ServerProcess, token: str) -> LightClient:
        """A client that may stay."""
        client = await self.stranger(server)
        client.connect(token)
        assert ADMITTED == (await client.verdict()).code
        return client

    async def try_to_connect(
        self, server: ServerProcess, token: str, headers: Mapping[str, str] | None = None
    ) -> tuple[str, float]:
        """The verdict's code, and after how many seconds it came: TCP and upgrade included."""
        began_at = time.monotonic()
        client = await self.stranger(server, headers)
        client.connect(token)
        verdict = await client.verdict()
        return verdict.code, verdict.at - began_at

    async def admitted_at_last(self, server: ServerProcess, token: str) -> float:
        """Try until somebody is admitted; returns when, by the monotonic clock.

        Raises:
            TimeoutError: Nobody was.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                code, _ = await self.try_to_connect(server, token)
                if code == ADMITTED:
                    return time.monotonic()
                await asyncio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def _light_client(
    server: ServerProcess, headers: Mapping[str, str] | None
) -> AsyncIterator[LightClient]:
    async with websocket_client(server.url, headers) as raw:
        client = LightClient(raw)
        reading = asyncio.create_task(client.read())
        try:
            yield client
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            # What it could not read, the test has to know of.
            if not reading.cancelled():
                reading.result()

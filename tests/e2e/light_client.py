"""Python clients that record times, and are small enough for hundreds of them in one process."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.hostile.raw_client import CLOSE, TEXT, RawClient, frame, packet, websocket_client
from tests.e2e.server_process import ServerProcess

ADMITTED = "admitted"
REFUSED_FOR_NOW = "refused for now"
"""The result of a temporary refusal: the connection is closed without an answer to CONNECT."""

_TRY_AGAIN_LATER = (1013).to_bytes(2)
RETRY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """The data of an ack, and the time until it arrived."""

    data: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of CONNECT, or the reason of a disconnection.

    Attributes:
        code: `ADMITTED`, `REFUSED_FOR_NOW` or an error's code.
        at: The monotonic time at which it was received.
    """

    code: str
    at: float


class LightClient:
    """Reads in the background, answers pings, and ignores the events of other users.

    The server must have ``AUTH_FAILURE_MODE=connect_error``, which makes admissions and refusals
    distinguishable at once.

    Attributes:
        end_reason: The ``error`` event before a disconnection; None until it is received.
    """

    def __init__(self, raw: RawClient) -> None:
        self.end_reason: Verdict | None = None
        self._raw = raw
        self._verdict = asyncio.get_running_loop().create_future()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ids = count()
        self._closed = asyncio.Event()

    def connect(self, token: str) -> None:
        self._raw.connect({"token": token})

    async def verdict(self) -> Verdict:
        async with asyncio.timeout(ANSWER_SECONDS):
            verdict: Verdict = await self._verdict
            return verdict

    async def ask(self, event: str, payload: object = None) -> Answer:
        """Send an event and wait for its ack.

        Raises:
            EOFError: The server has closed the connection.
        """
        if self._closed.is_set():
            raise EOFError
        ack_id = str(next(self._ids))
        arguments = [event] if payload is None else [event, payload]
        answer = self._answers[ack_id] = asyncio.get_running_loop().create_future()
        asked_at = time.monotonic()
        self._raw.send(f"42{ack_id}{json.dumps(arguments)}")
        async with asyncio.timeout(ANSWER_SECONDS):
            return Answer(await answer, time.monotonic() - asked_at)

    async def ended(self) -> Verdict:
        """Wait until the connection is closed, and return the reason."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._closed.wait()
        assert self.end_reason is not None, "the connection was closed without an error event"
        return self.end_reason

    async def leave(self) -> None:
        self._raw.send("41", "1")
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._closed.wait()

    async def read(self) -> None:
        """Read frames until the connection is closed. `Crowd` runs this in the background."""
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
                self.end_reason = Verdict(code, time.monotonic())
            case _, [answer] if head.startswith("43"):
                self._answers.pop(head[2:]).set_result(answer)


class Crowd:
    """Opens clients, and closes all of them together."""

    def __init__(self, clients: AsyncExitStack) -> None:
        self._clients = clients

    async def unauthenticated(
        self, server: ServerProcess, headers: Mapping[str, str] | None = None
    ) -> LightClient:
        """Open a client that has not sent CONNECT."""
        return await self._clients.enter_async_context(_light_client(server, headers))

    async def admitted(self, server: ServerProcess, token: str) -> LightClient:
        """Open a client, and wait until it is admitted."""
        client = await self.unauthenticated(server)
        client.connect(token)
        assert ADMITTED == (await client.verdict()).code
        return client

    async def try_to_connect(
        self, server: ServerProcess, token: str, headers: Mapping[str, str] | None = None
    ) -> tuple[str, float]:
        """Connect a client, and return the result's code and its delay in seconds.

        The delay includes the TCP connection and the upgrade.
        """
        began_at = time.monotonic()
        client = await self.unauthenticated(server, headers)
        client.connect(token)
        verdict = await client.verdict()
        return verdict.code, verdict.at - began_at

    async def retry_until_admitted(self, server: ServerProcess, token: str) -> float:
        """Connect repeatedly until a client is admitted, and return the monotonic time.

        Raises:
            TimeoutError: No client was admitted.
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
            # If the reading task failed, raise its error in the test.
            if not reading.cancelled():
                reading.result()

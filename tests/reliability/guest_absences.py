"""Removes the guest from a channel and adds it again, as a backend does over HTTP."""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout
from sqlalchemy.exc import SQLAlchemyError

from tests.e2e.server_process import ServerProcess
from tests.reliability.evidence import Absence, Notes
from tests.reliability.participants import GUEST, GUEST_CHANNEL, SERVICE_KEY
from tests.reliability.progress import Progress
from tests.reliability.storage import Storage

_RETRY_SECONDS = 0.1
_REQUEST = ClientTimeout(total=10)
_FIRST, _LAST = 0.1, 0.85
"""The progress of the scenario (0 to 1) at the first removal, and after the last return."""

_OTHER_NODE_SECONDS = 10.0
"""The maximum time until another node applies a removal of the guest, on a busy machine."""


async def come_and_go(
    times: int,
    servers: Sequence[ServerProcess],
    storage: Storage,
    notes: Notes,
    progress: Progress,
) -> None:
    """Remove and add the guest ``times`` times, spread over the scenario."""
    notice_seconds = 0.0 if len(servers) == 1 else _OTHER_NODE_SECONDS
    for number in range(times):
        step = (_LAST - _FIRST) / (2 * times)
        await progress.reaches(_FIRST + 2 * number * step)
        await _insist(servers[0], "DELETE")
        since = time.monotonic() + notice_seconds
        last_seq = await _last_seq(storage)
        await progress.reaches(_FIRST + (2 * number + 1) * step)
        until = time.monotonic()
        await _insist(servers[0], "PUT")
        return_seq = await _last_seq(storage)
        absence = Absence(GUEST, GUEST_CHANNEL, since, until, last_seq, return_seq)
        notes.absences.append(absence)


async def _insist(server: ServerProcess, method: str) -> None:
    url = f"{server.url}/channels/{GUEST_CHANNEL}/members/{GUEST}"
    key = {"Authorization": f"Bearer {SERVICE_KEY}"}
    while True:
        try:
            async with (
                ClientSession(timeout=_REQUEST) as http,
                http.request(method, url, headers=key) as answer,
            ):
                if answer.status == HTTPStatus.OK:
                    return
                assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE, answer.status
        except (ClientError, TimeoutError):
            pass  # The server was killed during the request.
        await asyncio.sleep(_RETRY_SECONDS)


async def _last_seq(storage: Storage) -> int:
    while True:
        try:
            return await storage.last_seq(GUEST_CHANNEL)
        except (OSError, SQLAlchemyError):
            await asyncio.sleep(_RETRY_SECONDS)

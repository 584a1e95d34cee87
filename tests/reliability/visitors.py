"""Users without channels, who connect while Redis fails. Some have revoked or expiring tokens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from itertools import count

from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.light_client import ADMITTED, REFUSED_FOR_NOW, Crowd
from tests.e2e.server_process import ServerProcess
from tests.reliability.evidence import Notes, Visit
from tests.reliability.participants import SERVICE_KEY, TOKEN_SECONDS, VISITOR, clerks_token

_EXPIRING_SECONDS = 0
_RETRY_SECONDS = 0.1
_REVOKED, _EXPIRED = "revoked", "token_expired"
_numbers = count()


class Visitors:
    """Records how one node answers before, during and after an outage of Redis.

    Args:
        node: A node that will not reach Redis.
        other: A node that will still reach Redis, if there is one.
        notes: The records of the scenario.
        keeps_data: Whether Redis still has the revocations after the outage.
    """

    def __init__(
        self,
        crowd: Crowd,
        node: ServerProcess,
        other: ServerProcess | None,
        notes: Notes,
        *,
        keeps_data: bool,
    ) -> None:
        self._crowd = crowd
        self._node = node
        self._other = other
        self._notes = notes
        self._keeps_data = keeps_data
        self._admits_unchecked = node.settings["REVOCATION_UNAVAILABLE"] == "admit"
        self._revoked, self._revoked_during = _token(), _token()

    async def come_before(self) -> None:
        """Revoke a token. Connect two clients: one token will expire, the other will be revoked."""
        await _revoke(self._node, self._revoked)
        await self._expect("revoked before", self._revoked, _REVOKED)
        if self._other is not None:
            self._expiring = await self._crowd.admitted(self._node, _token(_EXPIRING_SECONDS))
            self._staying = await self._crowd.admitted(self._node, self._revoked_during)

    async def come_during(self) -> None:
        """Connect clients while the node does not reach Redis. Revoke a token on the other node."""
        if self._admits_unchecked:
            await self._expect("new during", _token(), ADMITTED)
        else:
            await self._expect("new during", _token(), REFUSED_FOR_NOW)
            await self._expect("revoked during", self._revoked, REFUSED_FOR_NOW)
        if self._other is not None:
            await _revoke(self._other, self._revoked_during)
            ended = await self._expiring.ended()
            self._note("expired during", _EXPIRED, ended.code, 0.0)

    async def come_after(self, recovered_at: float) -> None:
        """Connect clients when the node has recovered."""
        await self._expect("new after", _token(), ADMITTED)
        if self._keeps_data:
            await self._expect("revoked after", self._revoked, _REVOKED)
        if self._other is not None:
            ended = await self._staying.ended()
            seconds = ended.at - recovered_at
            self._note("revoked on another node", _REVOKED, ended.code, seconds)

    async def _expect(self, name: str, token: str, expected: str) -> None:
        code, seconds = await self._crowd.try_to_connect(self._node, token)
        self._note(name, expected, code, seconds)

    def _note(self, name: str, expected: str, answer: str, seconds: float) -> None:
        self._notes.visits.append(Visit(name, expected, answer, seconds))


@asynccontextmanager
async def visitors(
    node: ServerProcess, other: ServerProcess | None, notes: Notes, *, keeps_data: bool
) -> AsyncIterator[Visitors]:
    """Create visitors, and disconnect them after the block."""
    async with AsyncExitStack() as clients:
        yield Visitors(Crowd(clients), node, other, notes, keeps_data=keeps_data)


async def _revoke(node: ServerProcess, token: str) -> None:
    """Revoke a token. Retry while the node is unavailable, because a busy Redis answers late."""
    key = {"Authorization": f"Bearer {SERVICE_KEY}"}
    url = f"{node.url}/sessions/revoke"
    async with asyncio.timeout(ANSWER_SECONDS), ClientSession() as http:
        while True:
            async with http.post(url, json={"token": token}, headers=key) as answer:
                if answer.status == HTTPStatus.OK:
                    return
                assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE, answer.status
            await asyncio.sleep(_RETRY_SECONDS)


def _token(seconds: int = TOKEN_SECONDS) -> str:
    """Return a token of a new user."""
    return clerks_token(f"{VISITOR}_{next(_numbers)}", seconds)

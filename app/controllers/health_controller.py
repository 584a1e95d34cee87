"""Liveness and readiness endpoints."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from typing import Annotated

from app.domain.errors import Unavailable
from app.framework import HttpResponse, Res, controller, get
from app.ports import Clock, Nodes, StorageProbe
from app.services.token_blacklist_service import TokenBlacklistService

REUSE_SECONDS = 1.0
"""The time for which the result of a probe is reused."""


@controller("health")
class HealthController:
    """Serves ``/health/live`` and ``/health/ready``, and ``/health`` as the original backend does.

    The endpoints are public, so requests share one probe at a time, and its result is reused for
    `REUSE_SECONDS`.
    """

    def __init__(
        self,
        storage: StorageProbe,
        revocations: TokenBlacklistService,
        nodes: Nodes,
        clock: Clock,
        *,
        admits_unchecked: bool,
    ) -> None:
        self._storage = storage
        self._revocations = revocations
        self._nodes = nodes
        self._clock = clock
        self._admits_unchecked = admits_unchecked
        self._probing = asyncio.Lock()
        self._last = _Readiness({})
        self._last_until = -inf
        self._draining = False

    async def on_drain(self) -> None:
        """Answer 503 from now on, so that load balancers send no new clients to this node."""
        self._draining = True

    async def on_module_destroy(self) -> None:
        """Answer 503 from now on, in case the server closes without draining."""
        self._draining = True

    @get("live")
    async def live(self) -> dict[str, str]:
        """Answer 200 while the event loop runs."""
        return {"status": "ok"}

    @get("ready")
    async def ready(self, response: Annotated[HttpResponse, Res()]) -> dict[str, str]:
        """Answer 200 while clients can be admitted and messages stored, or 503 with a reason.

        The status is ``degraded`` if other nodes are not reached, or if revocations cannot be read
        but clients are admitted anyway. In a cluster, it is also ``degraded`` if new clients are
        refused because revocations cannot be read. Connected clients still receive this node's
        events.
        """
        readiness = _not_ready("draining") if self._draining else await self._readiness()
        response.status(readiness.status)
        return readiness.body

    @get()
    async def health(self, response: Annotated[HttpResponse, Res()]) -> dict[str, str]:
        """Answer like `ready`."""
        return await self.ready(response)

    async def _readiness(self) -> "_Readiness":
        async with self._probing:
            if self._clock.monotonic() >= self._last_until:
                self._last = await self._probe()
                self._last_until = self._clock.monotonic() + REUSE_SECONDS
            return self._last

    async def _probe(self) -> "_Readiness":
        try:
            await self._storage.check()
        except Unavailable:
            return _not_ready("storage unavailable")
        if not await self._revocations.is_available():
            if self._admits_unchecked:
                return _degraded("revocations unavailable: clients are admitted unchecked")
            if self._nodes.is_clustered:
                # All nodes need the same Redis, so a load balancer has no better node.
                return _degraded("revocations unavailable: new clients are refused")
            return _not_ready("revocations unavailable")
        if not self._nodes.is_connected:
            return _degraded("other nodes are not reached")
        return _Readiness({"status": "ok"})


@dataclass(frozen=True, slots=True)
class _Readiness:
    body: dict[str, str]
    status: HTTPStatus = HTTPStatus.OK


def _degraded(reason: str) -> _Readiness:
    return _Readiness({"status": "degraded", "reason": reason})


def _not_ready(reason: str) -> _Readiness:
    body = {"status": "unavailable", "reason": reason}
    return _Readiness(body, HTTPStatus.SERVICE_UNAVAILABLE)

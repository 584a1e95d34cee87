"""Whether the process lives, and whether it should get clients."""

from http import HTTPStatus

from aiohttp import web

from app.domain.errors import Unavailable
from app.framework import controller, get
from app.ports import StorageProbe
from app.services.token_blacklist_service import TokenBlacklistService


@controller("health")
class HealthController:
    """``/health/live`` and ``/health/ready``; ``/health`` is the original's name for the latter.

    Args:
        storage: Whether anything could be stored.
        revocations: What every connecting client is checked against.
        admits_unchecked: Whether clients connect while that is not possible.
    """

    def __init__(
        self,
        storage: StorageProbe,
        revocations: TokenBlacklistService,
        *,
        admits_unchecked: bool,
    ) -> None:
        self._storage = storage
        self._revocations = revocations
        self._admits_unchecked = admits_unchecked
        self._draining = False

    async def on_drain(self) -> None:
        """Answer 503 from now on, so that load balancers send no new client here."""
        self._draining = True

    async def on_module_destroy(self) -> None:
        """As `on_drain`, for a server that closes without draining first."""
        self._draining = True

    @get("live")
    async def live(self, _: web.Request) -> web.Response:
        """200 while the event loop turns."""
        return web.json_response({"status": "ok"})

    @get("ready")
    async def ready(self, _: web.Request) -> web.Response:
        """200 while clients can be admitted and messages be stored; else 503 and why.

        Where clients are admitted unchecked, the answer without revocations is 200, ``degraded``.
        """
        if self._draining:
            return _not_ready("draining")
        try:
            await self._storage.check()
        except Unavailable:
            return _not_ready("storage unavailable")
        if not await self._revocations.is_available():
            return self._without_revocations()
        return web.json_response({"status": "ok"})

    @get()
    async def health(self, request: web.Request) -> web.Response:
        """As `ready`."""
        return await self.ready(request)

    def _without_revocations(self) -> web.Response:
        if not self._admits_unchecked:
            return _not_ready("revocations unavailable")
        reason = "revocations unavailable: clients are admitted unchecked"
        return web.json_response({"status": "degraded", "reason": reason})


def _not_ready(reason: str) -> web.Response:
    return web.json_response(
        {"status": "unavailable", "reason": reason}, status=HTTPStatus.SERVICE_UNAVAILABLE
    )

"""Whether the process lives, and whether it should get clients."""

from http import HTTPStatus

from aiohttp import web

from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.framework import controller, get
from app.ports import ChannelRepository

_NOBODY = UserId("health")


@controller("health")
class HealthController:
    """``/health/live`` and ``/health/ready``; ``/health`` is the original's name for the latter."""

    def __init__(self, channels: ChannelRepository) -> None:
        self._channels = channels
        self._draining = False

    async def on_module_destroy(self) -> None:
        """Not ready from now on, so that a balancer sends nobody here any more."""
        self._draining = True

    @get("live")
    async def live(self, _: web.Request) -> web.Response:
        """200 while the event loop turns."""
        return web.json_response({"status": "ok"})

    @get("ready")
    async def ready(self, _: web.Request) -> web.Response:
        """200 while storage answers what every connecting client asks it; else 503 and why."""
        if self._draining:
            return _not_ready("draining")
        try:
            await self._channels.channels_of(_NOBODY)
        except Unavailable:
            return _not_ready("storage unavailable")
        return web.json_response({"status": "ok"})

    @get()
    async def health(self, request: web.Request) -> web.Response:
        """As `ready`."""
        return await self.ready(request)


def _not_ready(reason: str) -> web.Response:
    return web.json_response(
        {"status": "unavailable", "reason": reason}, status=HTTPStatus.SERVICE_UNAVAILABLE
    )

"""Rejects upgrade requests without a valid session."""

from dataclasses import replace

from aiohttp import web

from app.framework import EngineOptions, IoAdapter, IoOptions, SocketServer
from app.framework.config import ConfigService
from tests.ports.administration.sessions import SessionStore
from tests.ports.administration.settings import SiteSettings


class SessionAdapter(IoAdapter):
    """Looks up the session cookie of each upgrade request."""

    def __init__(self, sessions: SessionStore, config: ConfigService[SiteSettings]) -> None:
        super().__init__(IoOptions(path=config.get("live.path", str)))
        self._sessions = sessions
        self._max_frame_bytes = config.get("live.max_frame_bytes", int)

    def create_io_server(self, path: str, options: EngineOptions) -> SocketServer:
        options = replace(
            options, max_frame_bytes=self._max_frame_bytes, allow_request=self._has_session
        )
        return super().create_io_server(path, options)

    async def _has_session(self, request: web.Request) -> bool:
        return self._sessions.user_of(request.headers.get("Cookie")) is not None

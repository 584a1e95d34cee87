"""Refuses outdated clients before they connect."""

from dataclasses import replace

from aiohttp import web

from app.framework import EngineOptions, IoAdapter, IoOptions, SocketServer
from tests.ports.group_chat.users import ChatSocket

_SUPPORTED = {"2", "3"}


class ChatIoAdapter(IoAdapter):
    """Rejects upgrade requests with an unsupported ``version``."""

    def __init__(self) -> None:
        super().__init__(IoOptions(socket_class=ChatSocket))

    def create_io_server(self, path: str, options: EngineOptions) -> SocketServer:
        options = replace(options, max_frame_bytes=10_000, allow_request=self._is_supported)
        return super().create_io_server(path, options)

    def _is_supported(self, request: web.Request) -> bool:
        return request.query.get("version", "3") in _SUPPORTED

# The parts of python-socketio 5.18 that app/framework/platform_socketio uses. It has no types.
from collections.abc import Iterator
from logging import Logger
from typing import Any

import engineio
from aiohttp import web
from socketio import packet as packet

class AsyncManager:
    rooms: Any
    callbacks: dict[str, Any]
    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None: ...
    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None: ...
    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None: ...
    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None: ...
    def is_connected(self, sid: str, namespace: str) -> bool: ...
    def is_sid_room(self, namespace: str, room: str | None) -> bool: ...
    def get_participants(
        self, namespace: str, room: str | list[str] | None
    ) -> Iterator[tuple[str, str]]: ...
    def get_rooms(self, sid: str, namespace: str) -> list[str]: ...
    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None: ...
    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | list[str] | None = None,
        skip_sid: str | list[str] | None = None,
        callback: Any = None,
        to: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None: ...

class AsyncServer:
    eio: engineio.AsyncServer
    manager: AsyncManager
    def __init__(
        self,
        client_manager: AsyncManager | None = None,
        logger: bool | Logger = False,
        **kwargs: Any,
    ) -> None: ...
    async def handle_request(self, request: web.Request) -> web.StreamResponse: ...
    async def disconnect(
        self, sid: str, namespace: str | None = None, ignore_queue: bool = False
    ) -> None: ...
    def _engineio_server_class(self) -> type[engineio.AsyncServer]: ...

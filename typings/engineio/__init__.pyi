# The parts of python-engineio 4.15 that app/framework/platform_socketio uses. It has no types.
from typing import Any

from aiohttp import web
from engineio import packet as packet

class AsyncServer:
    sockets: dict[str, Any]
    def __init__(self, **kwargs: Any) -> None: ...
    async def handle_request(self, request: web.Request) -> web.StreamResponse: ...
    async def send_packet(self, sid: str, pkt: packet.Packet) -> None: ...

"""Stock python-socketio on aiohttp, as in its documentation; it verifies the token per event.

Start it with ``python -m bench.peers.python_socketio``.
"""

import asyncio
import itertools
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import socketio
from aiohttp import web

Payload = Mapping[str, str]
Answer = dict[str, Any]


class Chat:
    """The documented events that the load generator uses."""

    def __init__(self, server: Any, public_key: str, channels: Mapping[str, list[str]]) -> None:
        self._server = server
        self._public_key = public_key
        self._channels = channels
        self._tokens: dict[str, str] = {}
        self._authors: dict[str, str] = {}
        self._numbers = itertools.count(1)

    async def connect(self, sid: str, _environ: object, auth: Payload) -> bool:
        """Admit a client with a valid token, and join the user's rooms."""
        self._tokens[sid] = auth["token"]
        try:
            user_id = self._user(sid)
        except jwt.InvalidTokenError:
            del self._tokens[sid]
            return False
        await self._server.enter_room(sid, f"user:{user_id}")
        for channel in self._channels.get(user_id, ()):
            await self._server.enter_room(sid, f"channel:{channel}")
        return True

    async def disconnect(self, sid: str, _reason: str) -> None:
        """Forget the token."""
        self._tokens.pop(sid, None)

    async def get_typing(self, sid: str, _payload: Payload) -> Answer:
        """Return an empty list of typing users."""
        self._user(sid)
        return {"data": []}

    async def start_typing(self, sid: str, payload: Payload) -> Answer:
        """Broadcast that the user is typing."""
        indicator = {
            "userId": self._user(sid),
            "channelId": payload["channelId"],
            "isTyping": True,
            "timestamp": _now(),
        }
        room = f"channel:{payload['channelId']}"
        await self._server.emit("typing", indicator, room=room, skip_sid=sid)
        return {"data": indicator}

    async def send_message(self, sid: str, payload: Payload) -> Answer:
        """Broadcast the message to its channel."""
        user_id, now = self._user(sid), _now()
        message_id = f"msg_{next(self._numbers)}"
        message = {
            "id": message_id,
            "content": payload["content"],
            "channelId": payload["channelId"],
            "userId": user_id,
            "createdAt": now,
            "updatedAt": now,
            "deliveryStatus": "SENT",
            "user": {"id": user_id},
        }
        self._authors[message_id] = user_id
        await self._server.emit("message.created", message, room=f"channel:{payload['channelId']}")
        return {"data": message}

    async def message_delivered(self, sid: str, payload: Payload) -> Answer:
        """Send the receipt to the author."""
        delivery = {
            "messageId": payload["messageId"],
            "recipientId": self._user(sid),
            "status": "DELIVERED",
            "timestamp": _now(),
        }
        room = f"user:{self._authors[payload['messageId']]}"
        await self._server.emit("message:delivered", delivery, room=room)
        return {"data": delivery}

    def _user(self, sid: str) -> str:
        claims = jwt.decode(
            self._tokens[sid],
            self._public_key,
            algorithms=["RS256"],
            options={"verify_aud": False},
        )
        user_id: str = claims["sub"]
        return user_id


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def serve() -> None:
    """Serve until the process ends."""
    server: Any = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"])
    channels = json.loads(await asyncio.to_thread(Path(os.environ["SEED_FILE"]).read_text))
    chat = Chat(server, os.environ["CLERK_JWT_KEY"], channels)
    for event, handler in (
        ("connect", chat.connect),
        ("disconnect", chat.disconnect),
        ("typing:get", chat.get_typing),
        ("typing", chat.start_typing),
        ("sendMessage", chat.send_message),
        ("message:delivered", chat.message_delivered),
    ):
        server.on(event, handler)
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"]), backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())

"""Provides users and channels for each test on a shared server, and clients for the users."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.server_process import ServerProcess

GROUPS = 300

MEMBERSHIP = {
    "alice": ("general", "random"),
    "bob": ("general", "random"),
    "carol": ("general",),
    "dave": ("private",),
    "erin": ("quiet",),
}
"""The channels of each user, in every group."""


class Chat:
    """A group of five users and four channels that only one test uses."""

    def __init__(self, server: ServerProcess, driver: JsDriver, group: int) -> None:
        self.server = server
        self.general = f"general_{group}"
        self.random = f"random_{group}"
        self.private = f"private_{group}"
        self.quiet = f"quiet_{group}"
        self._driver = driver
        self._group = group
        self._clients: list[JsClient] = []

    def user_id(self, name: str) -> str:
        return f"user_{name}_{self._group}"

    async def token(self, name: str, ttl_seconds: int = 60, session_id: str | None = None) -> str:
        return await self.server.token(self.user_id(name), ttl_seconds, session_id)

    async def client(self, name: str, **options: object) -> JsClient:
        """Connect a user of the group with a valid token."""
        client = self.connecting(name, {"token": await self.token(name)}, **options)
        await client.sees("connect")
        return client

    def connecting(self, name: str, auth: object, **options: object) -> JsClient:
        """Start connecting a client with this ``auth``, without waiting for the result."""
        client = self._driver.connect(self.server.url, self.user_id(name), auth, **options)
        self._clients.append(client)
        return client

    async def refusal(self, auth: object, **options: object) -> dict[str, Any]:
        """Connect with this ``auth``, and return the ``error`` event that rejects the client."""
        error: dict[str, Any] = await self.connecting("alice", auth, **options).sees("error")
        return error

    def leave(self) -> None:
        for client in self._clients:
            client.disconnect()


class Chats:
    """Creates groups, each with different users and channels."""

    def __init__(self, driver: JsDriver) -> None:
        self._driver = driver
        self._groups = count()

    def on(self, server: ServerProcess) -> Chat:
        """Return a new group on this server."""
        return Chat(server, self._driver, next(self._groups))


def write_seed(file: Path) -> Path:
    """Write a seed file with the users and channels of all groups."""
    membership = {
        f"user_{name}_{group}": [f"{channel}_{group}" for channel in channels]
        for group in range(GROUPS)
        for name, channels in MEMBERSHIP.items()
    }
    file.write_text(json.dumps(membership))
    return file

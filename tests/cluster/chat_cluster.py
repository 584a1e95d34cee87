"""A cluster with the NestJS gateway, and a channel whose members are on all of its nodes."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.framework import Server
from tests.cluster.node_server import NodeServer
from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient
from tests.e2e.nodes import change_channel
from tests.e2e.prisma_users import Users
from tests.e2e.server_process import ServerProcess

LOOK_SECONDS = 0.05
END = "the end"


@dataclass(frozen=True, slots=True)
class Sides:
    """The nodes of a cluster.

    Attributes:
        gateway: The NestJS gateway.
        servers: Two nodes of this server.
        other: The namespace of a node in Python that uses only the framework.
    """

    gateway: NodeServer
    gateway_url: str
    servers: tuple[ServerProcess, ServerProcess]
    other: Server

    async def request(self, method: str, path: str) -> None:
        """Send a backend's request for ``/channels/{path}`` to the first node of this server."""
        await change_channel(self.servers[0], method, path)

    async def members(self, room: str, expected: Iterable[JsClient]) -> None:
        """Wait until exactly these clients are in a room, according to the gateway."""
        wanted = {client.user_id for client in expected}
        async with asyncio.timeout(ANSWER_SECONDS):
            while wanted != await self._users_in(room):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(LOOK_SECONDS)

    async def _users_in(self, room: str) -> set[str]:
        sockets = await self.gateway.ask("fetchSockets", rooms=[room])
        return {user_of(socket["rooms"]) for socket in sockets}


@dataclass(frozen=True, slots=True)
class Meeting:
    """A channel with three members: Alice on the gateway, Bob and Carol on this server."""

    users: Users
    alice: JsClient
    bob: JsClient
    carol: JsClient

    @property
    def everybody(self) -> tuple[JsClient, JsClient, JsClient]:
        return self.alice, self.bob, self.carol

    @property
    def channel_id(self) -> str:
        return self.users.channel_id

    @property
    def room(self) -> str:
        return f"channel:{self.channel_id}"

    async def send(self, sender: JsClient, content: str) -> dict[str, Any]:
        """Send a message, and return the acked message."""
        answer = await sender.ask("sendMessage", {"content": content, "channelId": self.channel_id})
        message: dict[str, Any] = answer["data"]
        return message

    async def received(self, contents: Iterable[str]) -> list[list[dict[str, Any]]]:
        """Return each member's ``message.created`` after all have received these contents.

        A later message of Bob ends the wait, so duplicates of earlier messages are returned, too.
        """
        for client in self.everybody:
            await wait_for_contents(client, contents)
        await self.send(self.bob, END)
        for client in self.everybody:
            await wait_for_contents(client, [END])
        return [created(client)[:-1] for client in self.everybody]


def user_of(rooms: Iterable[str]) -> str:
    """Return the user id in the name of a socket's personal room."""
    (room,) = [room for room in rooms if room.startswith("user:")]
    return room.removeprefix("user:")


def created(client: JsClient) -> list[dict[str, Any]]:
    """Return all messages that the client has received as ``message.created``, in order."""
    return [sight.first for sight in client.log if sight.event == "message.created"]


def contents_of(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages]


async def wait_for_contents(client: JsClient, contents: Iterable[str]) -> None:
    missing = set(contents) - set(contents_of(created(client)))
    while missing:
        await client.sees("message.created")
        missing -= set(contents_of(created(client)))


def socket_id(client: JsClient) -> str:
    """Return the id of the client's socket."""
    sid: str = next(sight.first for sight in client.log if sight.event == "connect")
    return sid

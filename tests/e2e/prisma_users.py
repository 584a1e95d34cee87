"""Creates users and channels with Prisma, and connects the users to servers on its database."""

import time
from itertools import count

from tests.e2e.clerk import clerk_token
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.prisma_peer import PrismaClient

_TOKEN_SECONDS = 3_600

_numbers = count()


class Users:
    """Users and a channel that Prisma has created for one test.

    Attributes:
        channel_id: The channel of which all users are members.
    """

    def __init__(self, prisma: PrismaClient, driver: JsDriver) -> None:
        self.channel_id = f"channel_{next(_numbers)}"
        self._prisma = prisma
        self._driver = driver
        self._clients: list[JsClient] = []

    def id(self, name: str) -> str:
        return f"{name}_in_{self.channel_id}"

    async def add(self, *names: str) -> None:
        """Create users who are members of the channel; the first call creates the channel."""
        users = [{"id": self.id(name), "name": name} for name in names]
        members = [{"channelId": self.channel_id, "userId": user["id"]} for user in users]
        channel = {"id": self.channel_id, "name": "general", "createdById": self.id(names[0])}
        await self._prisma.transaction(
            ("user", "createMany", {"data": users}),
            ("channel", "createMany", {"data": [channel], "skipDuplicates": True}),
            ("channelMember", "createMany", {"data": members}),
        )

    async def client(self, url: str, name: str, **options: object) -> JsClient:
        """Connect a user to this server or to the gateway. Both accept the same tokens.

        ``options`` are those of ``io(url, options)``.
        """
        # The gateway verifies the token before every event, also late in a slow test.
        token = clerk_token({"sub": self.id(name), "exp": int(time.time()) + _TOKEN_SECONDS})
        client = self._driver.connect(url, self.id(name), {"token": token}, **options)
        self._clients.append(client)
        await client.admitted()
        return client

    def leave(self) -> None:
        for client in self._clients:
            client.disconnect()

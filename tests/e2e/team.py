"""Connects the users of a test to two nodes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.clerk import clerk_token
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import Nodes


@dataclass(slots=True)
class Team:
    """Three users and a channel that only one test uses. Alice and Bob are members, Carol is not.

    Attributes:
        number: The number of the team among those in the seed file.
    """

    nodes: Nodes
    driver: JsDriver
    number: int
    clients: list[JsClient] = field(default_factory=list)

    @property
    def channel_id(self) -> str:
        return f"team_{self.number}"

    def user_id(self, name: str) -> str:
        return f"user_{name}_{self.number}"

    async def client(self, name: str, node: int, **options: Any) -> JsClient:
        """Connect a user to the first (0) or the second (1) node."""
        user_id = self.user_id(name)
        auth = {"token": clerk_token({"sub": user_id, "sid": f"sess_{user_id}"})}
        client = self.driver.connect(self.nodes[node].url, user_id, auth, **options)
        self.clients.append(client)
        await client.admitted()
        return client

    def leave(self) -> None:
        for client in self.clients:
            client.disconnect()


def write_teams(file: Path, number: int) -> Path:
    """Write the users and channels of a number of teams in the format of ``SEED_FILE``."""
    memberships: dict[str, list[str]] = {}
    for each in range(number):
        memberships |= {f"user_{name}_{each}": [f"team_{each}"] for name in ("alice", "bob")}
        memberships[f"user_carol_{each}"] = []
    file.write_text(json.dumps(memberships))
    return file

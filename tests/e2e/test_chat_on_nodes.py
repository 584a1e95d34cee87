"""Tests of one chat on two server processes, which share Redis and PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.clerk import clerk_token
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import SERVICE_KEY, Nodes, readiness, two_nodes
from tests.e2e.server_process import ServerProcess
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

READY = (200, {"status": "ok"})
DEGRADED = (
    200,
    {"status": "degraded", "reason": "revocations unavailable: clients are admitted unchecked"},
)
NAMES = ("alice", "bob", "carol")
GROUPS = 100
_numbers = count()


@dataclass(slots=True)
class Team:
    """Three users and a channel that only one test uses: Alice and Bob are members."""

    nodes: Nodes
    redis: RedisServer
    driver: JsDriver
    number: int
    clients: list[JsClient] = field(default_factory=list)

    @property
    def channel(self) -> str:
        return f"team_{self.number}"

    def user_id(self, name: str) -> str:
        return f"user_{name}_{self.number}"

    async def client(self, name: str, node: int) -> JsClient:
        """Connect a user to the first (0) or the second (1) node."""
        user_id = self.user_id(name)
        token = clerk_token({"sub": user_id, "sid": f"sess_{user_id}"})
        client = self.driver.connect(self.nodes[node].url, user_id, {"token": token})
        self.clients.append(client)
        await client.admitted()
        return client

    async def send(self, client: JsClient, content: str) -> dict[str, Any]:
        answer = await client.ask("sendMessage", {"channelId": self.channel, "content": content})
        message: dict[str, Any] = answer["data"]
        return message

    async def request(self, node: int, method: str, path: str) -> None:
        """Send a backend's request to a node."""
        key = {"Authorization": f"Bearer {SERVICE_KEY}"}
        url = f"{self.nodes[node].url}/channels/{self.channel}{path}"
        async with ClientSession() as http, http.request(method, url, headers=key) as answer:
            assert answer.status == 200, await answer.text()


def contents(client: JsClient) -> list[str]:
    """Return the contents of the received messages, in the order of their arrival."""
    return [each.first["content"] for each in client.log if each.event == "message.created"]


async def until_received(client: JsClient, number: int) -> None:
    """Wait until the client has received this number of messages."""
    while len(contents(client)) < number:
        await client.sees("message.created")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """The Redis server that the nodes share; a test may stop it."""
    server = RedisServer()
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["sharded", "classic"])
async def nodes(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    redis: RedisServer,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> AsyncIterator[Nodes]:
    """Two nodes with each adapter."""
    folder = tmp_path_factory.mktemp("nodes")
    seed = folder / "seed.json"
    teams = range(GROUPS)
    seed.write_text(
        json.dumps(
            {f"user_{name}_{each}": [f"team_{each}"] for each in teams for name in NAMES[:2]}
            | {f"user_carol_{each}": [] for each in teams}
        )
    )
    database = f"nodes_{request.param}"
    postgres_server.create_database(database, postgres_template)
    settings = {
        "DATABASE_URL": postgres_server.url(database),
        "SEED_FILE": str(seed),
        "CLUSTER_ADAPTER": request.param,
        "REVOCATION_UNAVAILABLE": "admit",
    }
    async with two_nodes(folder, redis.url, **settings) as nodes:
        yield nodes
    postgres_server.drop_database(database)


@pytest.fixture
def team(nodes: Nodes, redis: RedisServer, driver: JsDriver) -> Iterator[Team]:
    team = Team(nodes, redis, driver, next(_numbers))
    yield team
    for client in team.clients:
        client.disconnect()


async def test_members_on_both_nodes_receive_each_message_once_and_in_order(team: Team) -> None:
    """Both nodes store messages at the same time."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    sent = await asyncio.gather(
        *(team.send((alice, bob)[number % 2], str(number)) for number in range(60))
    )
    for client in (alice, bob):
        await until_received(client, 60)

    in_order = [each["content"] for each in sorted(sent, key=lambda message: message["seq"])]
    assert in_order == contents(alice) == contents(bob)


async def test_edits_and_deletions_reach_members_on_the_other_node(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    message = await team.send(alice, "hi")

    await alice.ask("updateMessage", {"messageId": message["id"], "content": "hello"})
    await alice.ask("deleteMessage", {"messageId": message["id"]})

    assert "hi" == (await bob.sees("message.created"))["content"]
    assert "hello" == (await bob.sees("message.updated"))["content"]
    assert message["id"] == (await bob.sees("message.deleted"))["messageId"]


async def test_receipts_reach_the_author_on_the_other_node(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    message = await team.send(alice, "hi")

    await bob.ask("message:delivered", {"messageId": message["id"]})
    await bob.ask("message:seen", {"messageId": message["id"]})

    assert "DELIVERED" == (await alice.sees("message:delivered"))["status"]
    assert "READ" == (await alice.sees("message:seen"))["status"]


async def test_typing_reaches_the_other_node_and_ends_there(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    await alice.ask("typing", {"channelId": team.channel})
    assert (await bob.sees("typing"))["isTyping"]
    listed = await bob.ask("typing:get", {"channelId": team.channel})
    await team.send(alice, "hi")
    assert not (await bob.sees("typing"))["isTyping"]
    await bob.sees("message.created")

    assert [team.user_id("alice")] == [each["userId"] for each in listed["data"]]
    assert [] == (await bob.ask("typing:get", {"channelId": team.channel}))["data"]
    assert ["typing", "typing", "message.created"] == [
        each for each in bob.events if each in {"typing", "message.created"}
    ]


async def test_member_on_the_other_node_joins_and_leaves_at_once(team: Team) -> None:
    """The first message after the change already shows it."""
    alice, carol = await team.client("alice", 0), await team.client("carol", 1)

    await team.request(0, "PUT", f"/members/{team.user_id('carol')}")
    await team.send(alice, "first")
    assert team.user_id("carol") == (await carol.sees("room:member:joined"))["userId"]
    await carol.sees("message.created")
    await team.request(0, "DELETE", f"/members/{team.user_id('carol')}")
    await carol.sees("room:member:left")
    await team.send(alice, "second")

    assert not await carol.has_seen("second")
    assert ["first"] == contents(carol)
    assert 1 == carol.events.count("room:member:joined") == carol.events.count("room:member:left")


async def test_deletion_of_a_channel_reaches_the_other_node(team: Team) -> None:
    await team.client("alice", 0)
    bob = await team.client("bob", 1)

    await team.request(0, "DELETE", "")

    assert {"channelId": team.channel} == await bob.sees("channel.deleted")
    answer = await bob.ask("typing", {"channelId": team.channel})
    assert "not_a_member" == answer["code"]


async def test_client_that_connects_late_receives_only_later_messages(team: Team) -> None:
    """The second node had no client in the channel."""
    alice = await team.client("alice", 0)
    for number in range(5):
        await team.send(alice, f"before {number}")
    bob = await team.client("bob", 1)
    bob.disconnect()
    for number in range(5):
        await team.send(alice, f"between {number}")
    bob = await team.client("bob", 1)

    await team.send(alice, "after")

    await bob.sees("message.created")
    assert ["after"] == contents(bob)


async def test_new_member_receives_only_later_messages_when_its_own_node_adds_it(
    team: Team,
) -> None:
    """The second node had a client in the channel before, but has none now."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    await team.send(alice, "with Bob")
    await bob.sees("message.created")
    bob.disconnect()
    carol = await team.client("carol", 1)
    for number in range(5):
        await team.send(alice, f"before {number}")

    await team.request(1, "PUT", f"/members/{team.user_id('carol')}")
    await team.send(alice, "after")

    await carol.sees("message.created")
    assert ["after"] == contents(carol)


async def test_nodes_catch_up_when_redis_was_restarted(team: Team) -> None:
    """Meanwhile, clients receive the messages of their own node. Nothing arrives twice."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    team.redis.stop()
    for node in team.nodes:
        assert DEGRADED == await readiness(node, DEGRADED)
    await team.send(alice, "during")
    await alice.sees("message.created")
    team.redis.start_again()
    await bob.sees("message.created")
    for node in team.nodes:
        assert READY == await readiness(node, READY)
    await team.send(bob, "after")
    for client in (alice, bob):
        await until_received(client, 2)

    assert ["during", "after"] == contents(alice) == contents(bob)


@pytest.mark.parametrize("nodes", ["sharded"], indirect=True)
async def test_typing_expires_on_the_other_node_when_its_node_dies(team: Team) -> None:
    """The node of the typing user is killed."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    await alice.ask("typing", {"channelId": team.channel})
    assert (await bob.sees("typing"))["isTyping"]

    node: ServerProcess = team.nodes[0]
    await node.kill()
    async with asyncio.timeout(ANSWER_SECONDS):
        ended = await bob.sees("typing")
    await node.start()

    assert not ended["isTyping"]

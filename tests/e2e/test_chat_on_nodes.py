"""Tests of one chat on two server processes, which share Redis and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import READY, Nodes, change_channel, readiness, two_nodes
from tests.e2e.server_process import ServerProcess
from tests.e2e.team import Team, write_teams
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

DEGRADED = (
    200,
    {"status": "degraded", "reason": "revocations unavailable: clients are admitted unchecked"},
)
TEAMS = 100
_numbers = count()


async def send(team: Team, client: JsClient, content: str) -> dict[str, Any]:
    """Send a message to the team's channel, and return the acked message."""
    answer = await client.ask("sendMessage", {"channelId": team.channel_id, "content": content})
    message: dict[str, Any] = answer["data"]
    return message


def contents(client: JsClient) -> list[str]:
    """Return the contents of the received messages, in the order of their arrival."""
    return [each.first["content"] for each in client.log if each.event == "message.created"]


async def until_received(client: JsClient, number: int) -> None:
    """Wait until the client has received this number of messages."""
    while len(contents(client)) < number:
        await client.sees("message.created")


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
    seed = write_teams(folder / "seed.json", TEAMS)
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
def team(nodes: Nodes, driver: JsDriver) -> Iterator[Team]:
    team = Team(nodes, driver, next(_numbers))
    yield team
    team.leave()


async def test_members_on_both_nodes_receive_each_message_once_and_in_order(team: Team) -> None:
    """Both nodes store messages at the same time."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    sent = await asyncio.gather(
        *(send(team, (alice, bob)[number % 2], str(number)) for number in range(60))
    )
    for client in (alice, bob):
        await until_received(client, 60)

    in_order = [each["content"] for each in sorted(sent, key=lambda message: message["seq"])]
    assert in_order == contents(alice) == contents(bob)


async def test_edits_and_deletions_reach_members_on_the_other_node(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    message = await send(team, alice, "hi")

    await alice.ask("updateMessage", {"messageId": message["id"], "content": "hello"})
    await alice.ask("deleteMessage", {"messageId": message["id"]})

    assert "hi" == (await bob.sees("message.created"))["content"]
    assert "hello" == (await bob.sees("message.updated"))["content"]
    assert message["id"] == (await bob.sees("message.deleted"))["messageId"]


async def test_receipts_reach_the_author_on_the_other_node(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    message = await send(team, alice, "hi")

    await bob.ask("message:delivered", {"messageId": message["id"]})
    await bob.ask("message:seen", {"messageId": message["id"]})

    assert "DELIVERED" == (await alice.sees("message:delivered"))["status"]
    assert "READ" == (await alice.sees("message:seen"))["status"]


async def test_typing_reaches_the_other_node_and_ends_there(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    await alice.ask("typing", {"channelId": team.channel_id})
    assert (await bob.sees("typing"))["isTyping"]
    listed = await bob.ask("typing:get", {"channelId": team.channel_id})
    await send(team, alice, "hi")
    assert not (await bob.sees("typing"))["isTyping"]
    await bob.sees("message.created")

    assert [team.user_id("alice")] == [each["userId"] for each in listed["data"]]
    assert [] == (await bob.ask("typing:get", {"channelId": team.channel_id}))["data"]
    assert ["typing", "typing", "message.created"] == [
        each for each in bob.events if each in {"typing", "message.created"}
    ]


async def test_member_on_the_other_node_joins_and_leaves_at_once(team: Team) -> None:
    """The change already applies to the next message."""
    alice, carol = await team.client("alice", 0), await team.client("carol", 1)
    membership = f"{team.channel_id}/members/{team.user_id('carol')}"

    await change_channel(team.nodes[0], "PUT", membership)
    await send(team, alice, "first")
    assert team.user_id("carol") == (await carol.sees("room:member:joined"))["userId"]
    await carol.sees("message.created")
    await change_channel(
        team.nodes[0], "DELETE", f"{team.channel_id}/members/{team.user_id('carol')}"
    )
    await carol.sees("room:member:left")
    await send(team, alice, "second")

    assert not await carol.has_seen("second")
    assert ["first"] == contents(carol)
    assert 1 == carol.events.count("room:member:joined") == carol.events.count("room:member:left")


async def test_deletion_of_a_channel_reaches_the_other_node(team: Team) -> None:
    await team.client("alice", 0)
    bob = await team.client("bob", 1)

    await change_channel(team.nodes[0], "DELETE", team.channel_id)

    assert {"channelId": team.channel_id} == await bob.sees("channel.deleted")
    answer = await bob.ask("typing", {"channelId": team.channel_id})
    assert "not_a_member" == answer["code"]


async def test_client_that_connects_late_receives_only_later_messages(team: Team) -> None:
    """No client is connected to the second node while the earlier messages are sent."""
    alice = await team.client("alice", 0)
    for number in range(5):
        await send(team, alice, f"before {number}")
    bob = await team.client("bob", 1)
    bob.disconnect()
    for number in range(5):
        await send(team, alice, f"between {number}")
    bob = await team.client("bob", 1)

    await send(team, alice, "after")

    await bob.sees("message.created")
    assert ["after"] == contents(bob)


async def test_new_member_receives_only_later_messages_when_its_own_node_adds_it(
    team: Team,
) -> None:
    """The node's last client in the channel has disconnected before the change."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    await send(team, alice, "with Bob")
    await bob.sees("message.created")
    bob.disconnect()
    carol = await team.client("carol", 1)
    for number in range(5):
        await send(team, alice, f"before {number}")

    await change_channel(team.nodes[1], "PUT", f"{team.channel_id}/members/{team.user_id('carol')}")
    await send(team, alice, "after")

    await carol.sees("message.created")
    assert ["after"] == contents(carol)


async def test_nodes_catch_up_when_redis_was_restarted(team: Team, redis: RedisServer) -> None:
    """During the outage, clients receive the messages of their own node. Nothing arrives twice."""
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)

    redis.stop()
    for node in team.nodes:
        assert DEGRADED == await readiness(node, DEGRADED)
    await send(team, alice, "during")
    await alice.sees("message.created")
    redis.start_again()
    await bob.sees("message.created")
    for node in team.nodes:
        assert READY == await readiness(node, READY)
    await send(team, bob, "after")
    for client in (alice, bob):
        await until_received(client, 2)

    assert ["during", "after"] == contents(alice) == contents(bob)


@pytest.mark.parametrize("nodes", ["sharded"], indirect=True)
async def test_typing_expires_on_the_other_node_when_its_node_is_killed(team: Team) -> None:
    alice, bob = await team.client("alice", 0), await team.client("bob", 1)
    await alice.ask("typing", {"channelId": team.channel_id})
    assert (await bob.sees("typing"))["isTyping"]

    node: ServerProcess = team.nodes[0]
    await node.kill()
    async with asyncio.timeout(ANSWER_SECONDS):
        ended = await bob.sees("typing")
    await node.start()

    assert not ended["isTyping"]

"""Tests presence with real clients on two server processes, which share Redis and PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from app.domain.errors import NotAMember
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import Nodes, two_nodes
from tests.e2e.team import Team, write_teams
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer
from tests.until import until

TEAMS = 20
NODES = "chatgenius:sockets:nodes"
"""The ids of all nodes whose users may be online."""
_numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(
    tmp_path_factory: pytest.TempPathFactory,
    redis: RedisServer,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> AsyncIterator[Nodes]:
    folder = tmp_path_factory.mktemp("nodes")
    seed = write_teams(folder / "seed.json", TEAMS)
    postgres_server.create_database("presence", postgres_template)
    settings = {
        "DATABASE_URL": postgres_server.url("presence"),
        "SEED_FILE": str(seed),
        "REVOCATION_UNAVAILABLE": "admit",
        # A test repeats `presence:get` until an outage is over.
        "RATE_LIMIT_EVENTS_PER_SECOND": "100000",
        "RATE_LIMIT_BURST": "100000",
    }
    async with two_nodes(folder, redis.url, **settings) as nodes:
        yield nodes
    postgres_server.drop_database("presence")


class PresenceTeam(Team):
    """Users whose clients receive ``presence``, and do not reconnect."""

    @property
    def channel(self) -> dict[str, str]:
        return {"channelId": self.channel_id}

    async def client(self, name: str, node: int, **options: Any) -> JsClient:
        """Connect a user to the first (0) or the second (1) node."""
        return await super().client(name, node, presence=True, reconnection=False, **options)

    def presence(self, name: str, *, online: bool) -> dict[str, Any]:
        """Return the payload of ``presence``."""
        return {**self.channel, "userId": self.user_id(name), "online": online}

    def listed(self, **online: bool) -> dict[str, Any]:
        """Return the answer to ``presence:get``."""
        members = [{"userId": self.user_id(name), "online": on} for name, on in online.items()]
        return {"data": members}


@contextmanager
def new_team(nodes: Nodes, driver: JsDriver) -> Iterator[PresenceTeam]:
    team = PresenceTeam(nodes, driver, next(_numbers))
    yield team
    team.leave()


@pytest.fixture
def team(nodes: Nodes, driver: JsDriver) -> Iterator[PresenceTeam]:
    with new_team(nodes, driver) as team:
        yield team


@pytest.fixture
def other_team(nodes: Nodes, driver: JsDriver) -> Iterator[PresenceTeam]:
    """Another team, for users without a channel of `team`."""
    with new_team(nodes, driver) as team:
        yield team


def seen(client: JsClient) -> list[bool]:
    """Return the ``online`` of each received event ``presence``."""
    return [each.first["online"] for each in client.log if each.event == "presence"]


async def test_first_and_last_socket_are_published_when_they_are_on_different_nodes(
    team: PresenceTeam,
) -> None:
    """Only the first and the last socket publish a change, and not to the user's own sockets."""
    alice = await team.client("alice", 0)
    phone = await team.client("bob", 1)
    came = await alice.sees("presence")
    laptop = await team.client("bob", 0)
    answers = [await each.ask("presence:get", team.channel) for each in (alice, phone, laptop)]

    phone.disconnect()
    await phone.sees("disconnect")
    laptop.disconnect()
    left = await alice.sees("presence")

    assert team.presence("bob", online=True) == came
    assert [team.listed(alice=True, bob=True)] * 3 == answers
    assert team.presence("bob", online=False) == left
    assert team.listed(alice=True, bob=False) == await alice.ask("presence:get", team.channel)
    assert [True, False] == seen(alice)
    assert True not in seen(laptop)


async def test_nothing_is_published_when_a_user_moves_to_another_node(team: PresenceTeam) -> None:
    """The new socket connects before the old one disconnects, however slow the machine is."""
    alice = await team.client("alice", 0)
    moving = await team.client("bob", 0)
    await alice.sees("presence")

    for node in (1, 0, 1):
        moved = await team.client("bob", node)
        moving.disconnect()
        moving = moved
    moving.disconnect()
    await alice.sees("presence")

    assert [True, False] == seen(alice)


async def test_presence_is_refused_when_the_user_is_no_member(team: PresenceTeam) -> None:
    carol = await team.client("carol", 0)
    await team.client("alice", 1)

    answer = await carol.ask("presence:get", team.channel)

    assert NotAMember.code == answer["code"]
    assert [] == seen(carol)


async def test_changes_are_published_after_the_outage_when_redis_was_frozen(
    team: PresenceTeam, redis: RedisServer
) -> None:
    """While Redis does not answer, ``presence:get`` is unavailable."""
    alice = await team.client("alice", 0)
    bob = await team.client("bob", 1)
    await alice.sees("presence")

    with redis.frozen():
        answer = await alice.ask("presence:get", team.channel)
        bob.disconnect()
        await bob.sees("disconnect")
    left = await alice.sees("presence")
    while "data" not in (after := await alice.ask("presence:get", team.channel)):
        assert "unavailable" == after["code"]

    assert ("unavailable", True) == (answer["code"], answer["temporary"])
    assert not left["online"] or not (await alice.sees("presence"))["online"]
    assert team.listed(alice=True, bob=False) == after


async def test_users_of_a_killed_node_go_offline_when_they_do_not_come_back(
    team: PresenceTeam, other_team: PresenceTeam, redis: RedisServer
) -> None:
    """Bob's other socket keeps him online; Alice's only socket was on the killed node.

    The other team's Bob stays online, because he connects to the other node in time.
    """
    others_alice = await other_team.client("alice", 0)
    others_bob = await other_team.client("bob", 1)
    await others_alice.sees("presence")
    bob = await team.client("bob", 0)
    alice = await team.client("alice", 1)
    bobs_phone = await team.client("bob", 1)
    came = await bob.sees("presence")
    counts = redis.client.hgetall(f"chatgenius:sockets:user:{team.user_id('alice')}")
    (killed_id,) = map(str, counts)

    await team.nodes[1].kill()
    for client in (alice, bobs_phone, others_bob):
        await client.sees("disconnect")
    await other_team.client("bob", 0)
    before = await bob.ask("presence:get", team.channel)
    # Delete the heartbeat's key, which would expire only after half a minute.
    redis.client.delete(f"chatgenius:sockets:node:{killed_id}")
    left = await bob.sees("presence")
    after = await bob.ask("presence:get", team.channel)
    await team.nodes[1].start()
    back = await team.client("alice", 1)
    again = await bob.sees("presence")

    assert [team.presence("alice", online=each) for each in (True, False, True)] == [
        came,
        left,
        again,
    ]
    assert team.listed(alice=True, bob=True) == before
    assert team.listed(bob=True, alice=False) == after
    assert [] == seen(back)
    assert [True] == seen(others_alice)
    await until(lambda: killed_id not in redis.client.smembers(NODES))
    answer = await others_alice.ask("presence:get", other_team.channel)
    assert other_team.listed(alice=True, bob=True) == answer

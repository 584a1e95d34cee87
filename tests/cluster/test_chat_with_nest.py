"""Tests the chat in one cluster with the NestJS gateway, on one Redis and one PostgreSQL.

Alice connects to the gateway, which stores with Prisma. Bob and Carol connect to two nodes of this
server.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from yarl import URL

from tests.cluster.chat_cluster import (
    Meeting,
    Sides,
    contents_of,
    socket_id,
    user_of,
    wait_for_contents,
)
from tests.cluster.conftest import Mode, start
from tests.cluster.node_server import NodeServer, nest_server
from tests.e2e.expected_payloads import a_message, a_status, an_indicator
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.nodes import NODE
from tests.e2e.prisma_peer import PrismaClient, prisma_client
from tests.e2e.prisma_users import Users
from tests.e2e.server_process import run_command, running
from tests.nginx_program import MISSING, find_nginx
from tests.nginx_server import PATH_PREFIX, NginxServer
from tests.postgres_server import PostgresServer
from tests.prisma import TABLES
from tests.redis_server import RedisServer

MESSAGES = 15
MODES: dict[str, Mode] = {"sharded": "dynamic", "classic": "classic"}
"""The adapter's mode in Node.js for each value of ``CLUSTER_ADAPTER``."""


@pytest.fixture(scope="module")
def prisma_url(postgres_server: PostgresServer) -> str:
    """A database with the tables of the original backend."""
    postgres_server.create_database("cluster")
    postgres_server.execute(TABLES, "cluster")
    return postgres_server.url("cluster")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(prisma_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same database after the migration of this server."""
    settings = {**NODE, "DATABASE_URL": prisma_url, "SEED_FILE": ""}
    migrated = await run_command(tmp_path_factory.mktemp("migrate"), settings, "migrate")
    assert 0 == migrated.code, migrated.err
    return prisma_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prisma(database_url: str) -> AsyncIterator[PrismaClient]:
    """Prisma's client on the same database."""
    async with prisma_client(database_url) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=list(MODES))
async def sides(
    request: pytest.FixtureRequest,
    database_url: str,
    shared_redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Sides]:
    """The cluster with each of the two adapters."""
    redis_url, mode = shared_redis_server.url, MODES[request.param]
    settings = {
        **NODE,
        "DATABASE_URL": database_url,
        "SEED_FILE": "",
        "REDIS_URL": redis_url,
        "CLUSTER_ADAPTER": request.param,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    async with AsyncExitStack() as stack:
        gateway = nest_server(redis_url, mode, database_url)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        folder = tmp_path_factory.mktemp("server")
        first = await stack.enter_async_context(running(folder, settings))
        second = await stack.enter_async_context(running(folder, settings))
        other = await start(stack, redis_url, mode)
        yield Sides(gateway, await gateway.url(), (first, second), other.gateway.server)


@pytest_asyncio.fixture(loop_scope="session")
async def meeting(sides: Sides, prisma: PrismaClient, driver: JsDriver) -> AsyncIterator[Meeting]:
    """A channel of the test's own, when all members are in its room."""
    users = Users(prisma, driver)
    await users.add("alice", "bob", "carol")
    first, second = sides.servers
    alice = await users.client(sides.gateway_url, "alice")
    bob = await users.client(first.url, "bob")
    carol = await users.client(second.url, "carol")
    meeting = Meeting(users, alice, bob, carol)
    await sides.members(meeting.room, meeting.everybody)
    yield meeting
    users.leave()


async def test_a_message_reaches_both_sides_once_when_the_gateway_stores_it(
    meeting: Meeting,
) -> None:
    """This server adds ``seq`` for its own clients, and does not send the message a second time."""
    sent = await meeting.send(meeting.alice, "from Nest")

    alices, bobs, carols = await meeting.received(["from Nest"])

    expected = a_message(meeting.alice, meeting.channel_id, "from Nest")
    assert [expected | {"id": sent["id"], "deliveryStatus": "DELIVERED"}] == bobs
    assert bobs == carols
    assert [sent] == alices


async def test_a_message_reaches_both_sides_once_when_this_server_stores_it(
    meeting: Meeting,
) -> None:
    sent = await meeting.send(meeting.bob, "from Python")

    everybodys = await meeting.received(["from Python"])

    assert a_message(meeting.bob, meeting.channel_id, "from Python") == sent
    assert [[sent]] * 3 == everybodys


async def test_messages_arrive_once_and_in_order_when_both_sides_send(meeting: Meeting) -> None:
    """The gateway's clients receive only the messages of each sender in order."""
    of_alice = [f"Nest {number}" for number in range(MESSAGES)]
    of_bob = [f"first {number}" for number in range(MESSAGES)]
    of_carol = [f"second {number}" for number in range(MESSAGES)]

    async def send_all(sender: JsClient, contents: Iterable[str]) -> None:
        for content in contents:
            await meeting.send(sender, content)

    sent = dict(zip(meeting.everybody, (of_alice, of_bob, of_carol), strict=True))
    await asyncio.gather(*(send_all(sender, contents) for sender, contents in sent.items()))
    alices, bobs, carols = await meeting.received([*of_alice, *of_bob, *of_carol])

    assert list(range(1, 3 * MESSAGES + 1)) == [message["seq"] for message in bobs]
    assert bobs == carols
    for received in (alices, bobs):
        assert 3 * MESSAGES == len(received)
        for sender, contents in sent.items():
            assert contents == [
                message["content"] for message in received if message["userId"] == sender.user_id
            ]


async def test_edits_and_deletions_reach_both_sides_once_when_either_stores_them(
    meeting: Meeting,
) -> None:
    for author in meeting.everybody:
        message_id = (await meeting.send(author, "a word"))["id"]
        await author.ask("updateMessage", {"messageId": message_id, "content": "another word"})
        await author.ask("deleteMessage", {"messageId": message_id})

        for client in meeting.everybody:
            updated = await client.sees("message.updated")
            deleted = await client.sees("message.deleted")
            assert (message_id, "another word") == (updated["id"], updated["content"])
            assert message_id == deleted["messageId"]

    await meeting.received([])
    for client in meeting.everybody:
        assert 3 == client.events.count("message.updated")
        assert 3 == client.events.count("message.deleted")


async def test_typing_reaches_the_other_side_once_when_it_begins_and_ends(
    meeting: Meeting,
) -> None:
    """The list of typing members on this server includes those of the gateway."""
    channel = {"channelId": meeting.channel_id}
    for typist in meeting.everybody:
        readers = [client for client in meeting.everybody if client is not typist]

        await typist.ask("typing", channel)
        typing = an_indicator(typist, meeting.channel_id, is_typing=True)
        assert [typing, typing] == [await reader.sees("typing") for reader in readers]
        for reader in (meeting.bob, meeting.carol):
            assert [typing] == (await reader.ask("typing:get", channel))["data"]

        await typist.ask("typing:stop", channel)
        ended = an_indicator(typist, meeting.channel_id, is_typing=False)
        assert [ended, ended] == [await reader.sees("typing") for reader in readers]

    await meeting.received([])
    assert [4, 4, 4] == [client.events.count("typing") for client in meeting.everybody]


async def test_receipts_reach_the_author_once_when_the_reader_is_on_the_other_side(
    meeting: Meeting,
) -> None:
    directions = ((meeting.alice, meeting.bob), (meeting.bob, meeting.alice))
    for author, reader in directions:
        message = await meeting.send(author, "a word")
        await wait_for_contents(reader, ["a word"])
        receipt = {"messageId": message["id"]}
        if author is meeting.bob:  # the gateway stores its own messages as DELIVERED
            await reader.ask("message:delivered", receipt)
            assert a_status(message, reader, "DELIVERED") == await author.sees("message:delivered")
        await reader.ask("message:seen", receipt)
        assert a_status(message, reader, "READ") == await author.sees("message:seen")

    await meeting.received([])
    counts = [
        (client.events.count("message:delivered"), client.events.count("message:seen"))
        for client in (meeting.alice, meeting.bob)
    ]
    assert [(0, 1), (1, 1)] == counts


async def test_members_change_on_both_sides_when_a_backend_changes_them(
    sides: Sides, meeting: Meeting
) -> None:
    """The gateway's sockets leave and join the channel's room, as this server's sockets do."""
    alice, bob, carol = meeting.everybody
    path = f"{meeting.channel_id}/members/{alice.user_id}"

    await sides.request("DELETE", path)
    await sides.members(meeting.room, [bob, carol])
    await meeting.send(bob, "without Alice")
    await sides.request("PUT", path)
    await sides.members(meeting.room, meeting.everybody)
    alices, bobs, carols = await meeting.received([])
    await sides.request("DELETE", meeting.channel_id)
    await sides.members(meeting.room, [])

    assert [] == alices
    assert ["without Alice"] == contents_of(bobs) == contents_of(carols)


async def test_rooms_are_joined_left_and_emptied_when_either_side_requests_it(
    sides: Sides, meeting: Meeting
) -> None:
    alice, bob = meeting.alice, meeting.bob
    team = f"team of {meeting.channel_id}"
    everybody = [f"user:{client.user_id}" for client in (alice, bob)]

    await sides.gateway.ask("socketsJoin", rooms=everybody, joined=[team])
    await sides.members(team, [alice, bob])
    sides.other.to(team).emit("to-both")
    sides.other.in_(everybody[0]).sockets_leave(team)
    await sides.members(team, [bob])
    await sides.gateway.ask("emit", rooms=[team], event="to-bob", args=[])
    # The gateway sends an event to its own sockets only after Redis has received it.
    await sides.gateway.ask("emit", rooms=everybody[:1], event="sent", args=[])
    await alice.sees("sent")
    sides.other.in_(everybody[0]).sockets_join(team)
    await sides.members(team, [alice, bob])
    await sides.gateway.ask("socketsLeave", rooms=[team], left=team)
    await sides.members(team, [])
    sides.other.to(team).emit("to-nobody")
    for client in (alice, bob):
        sides.other.to(f"user:{client.user_id}").emit("end")
        await client.sees("end")

    heard = [[event for event in each.events if event.startswith("to-")] for each in (alice, bob)]
    assert [["to-both"], ["to-both", "to-bob"]] == heard


async def test_sockets_of_all_nodes_are_listed_when_either_side_requests_them(
    sides: Sides, meeting: Meeting
) -> None:
    """Both lists contain each socket with its rooms. This server's answer contains no token."""
    there = await sides.gateway.ask("fetchSockets", rooms=[meeting.room])
    here = await sides.other.in_(meeting.room).fetch_sockets()

    expected = {
        client.user_id: {socket_id(client), meeting.room, f"user:{client.user_id}"}
        for client in meeting.everybody
    }
    assert expected == {user_of(socket["rooms"]): set(socket["rooms"]) for socket in there}
    assert expected == {user_of(socket.rooms): set(socket.rooms) for socket in here}
    of_bob = next(socket for socket in there if socket["id"] == socket_id(meeting.bob))
    assert "token" not in of_bob["handshake"]["auth"]


async def test_sockets_are_disconnected_when_the_other_side_requests_it(
    sides: Sides, meeting: Meeting
) -> None:
    await sides.gateway.ask("disconnectSockets", rooms=[f"user:{meeting.bob.user_id}"])
    assert "io server disconnect" == await meeting.bob.sees("disconnect")

    sides.other.in_(f"user:{meeting.alice.user_id}").disconnect_sockets()
    assert "io server disconnect" == await meeting.alice.sees("disconnect")

    await sides.members(meeting.room, [meeting.carol])


@pytest.mark.parametrize("sides", ["classic"], indirect=True)
async def test_an_event_reaches_both_sides_once_when_the_emitter_sends_it(
    sides: Sides, meeting: Meeting
) -> None:
    """``@socket.io/redis-emitter`` publishes only for the classic adapter."""
    to_room = {"rooms": [meeting.room], "event": "announcement", "args": [{"text": "hello"}]}
    await sides.gateway.ask("emit", emitter=True, **to_room)
    await sides.gateway.ask("emit", emitter=True, rooms=[meeting.room], event="end", args=[])

    for client in meeting.everybody:
        await client.sees("end")
        announcements = [sight.args for sight in client.log if sight.event == "announcement"]
        assert [[{"text": "hello"}]] == announcements


@pytest_asyncio.fixture(loop_scope="session")
async def leaving_gateway(
    sides: Sides, database_url: str, shared_redis_server: RedisServer
) -> AsyncIterator[NodeServer]:
    """A second NestJS gateway of the cluster in mode ``sharded``, which the test stops."""
    del sides  # `sides` starts the other nodes and migrates the database
    gateway = nest_server(shared_redis_server.url, MODES["sharded"], database_url)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def nginx(
    sides: Sides, leaving_gateway: NodeServer, tmp_path: Path
) -> AsyncIterator[NginxServer]:
    """One address for the leaving gateway and the first node of this server."""
    program = find_nginx()
    if program is None:
        pytest.fail(MISSING, pytrace=False)
    gateway_port = URL(await leaving_gateway.url()).port
    assert gateway_port is not None
    nginx = NginxServer(program, tmp_path, [gateway_port, sides.servers[0].port])
    yield nginx
    nginx.stop()


@pytest.mark.parametrize("sides", ["sharded"], indirect=True)
async def test_clients_move_to_this_server_when_their_gateway_stops(
    meeting: Meeting, leaving_gateway: NodeServer, nginx: NginxServer
) -> None:
    """The client reconnects to the same address, and misses no message.

    Only this server's acks contain ``seq``, so they show to which server a client is connected.
    """
    options = {"path": f"{PATH_PREFIX}/socket.io", "ca": nginx.certificate, "family": 4}
    clients = [await meeting.users.client(nginx.url, "alice", **options) for _ in range(2)]
    acks = [await meeting.send(client, f"hello {n}") for n, client in enumerate(clients)]
    await wait_for_contents(meeting.bob, ["hello 0", "hello 1"])
    before = await meeting.send(meeting.carol, "before")
    for client in clients:
        await wait_for_contents(client, ["before"])

    await leaving_gateway.stop()
    await meeting.send(meeting.carol, "meanwhile")
    moved = next(client for client, ack in zip(clients, acks, strict=True) if "seq" not in ack)
    await moved.sees("disconnect")
    await moved.admitted()
    missed = await moved.ask(
        "message:getOffline", {"channelId": meeting.channel_id, "afterSeq": before["seq"]}
    )
    after = await meeting.send(moved, "after")

    assert 1 == sum("seq" in ack for ack in acks)
    assert ["meanwhile"] == contents_of(missed["data"]["messages"])
    assert before["seq"] + 2 == after["seq"]
    for client in (*clients, *meeting.everybody):
        await wait_for_contents(client, ["after"])

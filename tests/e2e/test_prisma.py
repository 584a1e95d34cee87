"""Tests this server and real Prisma on one database."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.e2e.clerk import PRODUCTION
from tests.e2e.expected_payloads import A_DATE, a_message, a_status
from tests.e2e.js_client import JsClient, JsDriver
from tests.e2e.prisma_peer import PrismaClient, prisma_client, prisma_gateway
from tests.e2e.prisma_users import Users
from tests.e2e.server_process import Serve, ServerProcess, run_command
from tests.postgres_server import PostgresServer
from tests.prisma import TABLES

SENDERS = tuple(f"sender_{number}" for number in range(12))
ATTEMPTS = 10


@pytest.fixture(scope="module")
def database_url(postgres_server: PostgresServer) -> str:
    """A database with the original backend's tables."""
    postgres_server.create_database("prisma")
    postgres_server.execute(TABLES, "prisma")
    return postgres_server.url("prisma")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    serve: Serve, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> ServerProcess:
    """This server, after its migration of the database."""
    settings = {**PRODUCTION, "DATABASE_URL": database_url, "SEED_FILE": ""}
    migrated = await run_command(tmp_path_factory.mktemp("migrate"), settings, "migrate")
    assert 0 == migrated.code
    return await serve(**settings)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway(server: ServerProcess) -> AsyncIterator[str]:
    """The URL of the NestJS gateway on the same database."""
    async with prisma_gateway(server.settings["DATABASE_URL"]) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prisma(server: ServerProcess) -> AsyncIterator[PrismaClient]:
    """Prisma's client on the same database."""
    async with prisma_client(server.settings["DATABASE_URL"]) as client:
        yield client


@pytest.fixture
def users(prisma: PrismaClient, driver: JsDriver) -> Iterator[Users]:
    """The users of the test."""
    users = Users(prisma, driver)
    yield users
    users.leave()


async def test_a_message_of_the_gateway_is_received_and_is_in_the_history(
    users: Users, server: ServerProcess, gateway: str
) -> None:
    """A connected member receives the message in the same form as a message of this server."""
    await users.add("alice", "bob")
    alice = await users.client(gateway, "alice")
    bob = await users.client(server.url, "bob")

    sent = await alice.ask("sendMessage", {"content": "hello", "channelId": users.channel_id})
    received = await bob.sees("message.created")
    history = await bob.ask("message:getOffline", {"channelId": users.channel_id, "afterSeq": 0})

    expected = a_message(alice, users.channel_id, "hello")
    expected |= {"id": sent["data"]["id"], "deliveryStatus": "DELIVERED"}
    assert expected == received
    assert [expected] == history["data"]["messages"]


async def test_a_message_of_this_server_is_read_and_updated_by_the_gateway(
    users: Users, server: ServerProcess, gateway: str, prisma: PrismaClient
) -> None:
    """Prisma reads the message and its author, and the author can update it through the gateway."""
    await users.add("alice", "bob")
    alice, alice_there = [await users.client(url, "alice") for url in (server.url, gateway)]
    sent = await alice.ask("sendMessage", {"content": "hello", "channelId": users.channel_id})
    message_id = sent["data"]["id"]

    read = await prisma.call(
        "message", "findUnique", where={"id": message_id}, include={"user": True}
    )
    await alice_there.ask("updateMessage", {"messageId": message_id, "content": "hello again"})
    history = await alice.ask("message:getOffline", {"channelId": users.channel_id, "afterSeq": 0})

    assert ("hello", "SENT", "alice") == (
        read["content"],
        read["deliveryStatus"],
        read["user"]["name"],
    )
    assert sent["data"]["createdAt"] == read["createdAt"]
    assert ["hello again"] == [message["content"] for message in history["data"]["messages"]]


async def test_a_receipt_of_this_server_is_a_read_receipt_of_prisma(
    users: Users, server: ServerProcess, gateway: str, prisma: PrismaClient
) -> None:
    """The gateway shows that the message was read on this server."""
    await users.add("alice", "bob")
    alice_there = await users.client(gateway, "alice")
    alice, bob = [await users.client(server.url, name) for name in ("alice", "bob")]
    sent = await alice.ask("sendMessage", {"content": "hello", "channelId": users.channel_id})
    question = {"messageId": sent["data"]["id"]}

    await bob.ask("message:seen", question)
    receipts = await prisma.call("readReceipt", "findMany", where=question)
    message = await prisma.call("message", "findUnique", where={"id": question["messageId"]})
    there = await alice_there.ask("message:getStatus", question)

    assert [{**question, "userId": bob.user_id, "readAt": A_DATE}] == receipts
    assert "READ" == message["deliveryStatus"]
    assert [a_status(sent["data"], bob, "READ")] == there["data"]


async def test_every_send_is_stored_while_prisma_deletes_messages(
    users: Users, server: ServerProcess, prisma: PrismaClient
) -> None:
    """No send fails while Prisma deletes messages of this server one by one."""
    await users.add(*SENDERS)
    async with sending(users, server) as acked:
        first = [await acked.get() for _ in range(ATTEMPTS)]
        for message_id in first:
            await prisma.call("message", "delete", where={"id": message_id})

    stored = await prisma.call(
        "message", "findMany", where={"channelId": users.channel_id}, select={"id": True}
    )
    kept = {acked.get_nowait() for _ in range(acked.qsize())}
    assert len(kept) >= ATTEMPTS
    assert kept == {message["id"] for message in stored}


async def test_messages_are_stored_while_prisma_deletes_their_recipients(
    users: Users, server: ServerProcess, prisma: PrismaClient
) -> None:
    """Sends and Prisma's `deleteMany` do not make each other fail."""
    await users.add(*SENDERS)
    async with sending(users, server) as acked:
        for attempt in range(ATTEMPTS):
            names = [f"guest_{attempt}_{number}" for number in range(6)]
            await users.add(*names)
            for _ in SENDERS:
                await acked.get()
            deleted = await prisma.call(
                "user", "deleteMany", where={"id": {"in": [users.id(name) for name in names]}}
            )
            assert {"count": len(names)} == deleted


async def test_a_channel_is_deleted_by_prisma_while_its_members_send(
    users: Users, server: ServerProcess, prisma: PrismaClient
) -> None:
    """Prisma's transaction succeeds, and leaves no message of the channel."""
    await users.add(*SENDERS)
    members = [{"userId": users.id(name)} for name in SENDERS]
    clients = [await users.client(server.url, name) for name in SENDERS]
    for attempt in range(ATTEMPTS):
        channel_id = f"{users.channel_id}_{attempt}"
        channel = {"id": channel_id, "name": "temporary", "createdById": users.id(SENDERS[0])}
        await prisma.call(
            "channel", "create", data={**channel, "members": {"createMany": {"data": members}}}
        )
        message = {"content": "hello", "channelId": channel_id}
        first = await clients[0].ask("sendMessage", message)

        sends = [client.ask("sendMessage", message) for client in clients for _ in range(3)]
        in_channel = {"where": {"channelId": channel_id}}
        await asyncio.gather(
            prisma.transaction(
                ("message", "deleteMany", in_channel),
                ("channelMember", "deleteMany", in_channel),
                ("channel", "delete", {"where": {"id": channel_id}}),
            ),
            *sends,
        )

        assert "data" in first
        assert 0 == await prisma.call("message", "count", **in_channel)


@asynccontextmanager
async def sending(users: Users, server: ServerProcess) -> AsyncIterator[asyncio.Queue[str]]:
    """Let all senders send inside the block, and put the ids of acked messages into the queue."""
    acked: asyncio.Queue[str] = asyncio.Queue()
    is_over = False

    async def send_on(client: JsClient) -> None:
        while not is_over:
            message = {"content": "hello", "channelId": users.channel_id}
            answer = await client.ask("sendMessage", message)
            acked.put_nowait(answer["data"]["id"])

    clients = [await users.client(server.url, name) for name in SENDERS]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(send_on(client))
        try:
            yield acked
        finally:
            is_over = True

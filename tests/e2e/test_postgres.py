import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio

from tests.deadlines import ANSWER_SECONDS
from tests.e2e.chat_groups import Chat, Chats
from tests.e2e.expected_payloads import a_message, an_error
from tests.e2e.nodes import READY, readiness
from tests.e2e.server_process import Finished, Serve, ServerProcess, run_command
from tests.postgres_server import FSYNC_WARNING, PostgresServer
from tests.prisma import ROWS, TABLES

NOT_READY = (503, {"status": "unavailable", "reason": "storage unavailable"})

_numbers = count()


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> str:
    """An empty database for a server of this module."""
    postgres_server.create_database("e2e")
    return "e2e"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    serve: Serve, postgres_server: PostgresServer, database: str
) -> AsyncIterator[ServerProcess]:
    """A server whose DATABASE_URL has Prisma's parameters."""
    url = f"{postgres_server.url(database)}?schema=public&connection_limit=5"
    yield await serve(DATABASE_URL=url)


@pytest.fixture
def original(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a database that Prisma has created and filled."""
    name = f"original_{next(_numbers)}"
    postgres_server.create_database(name)
    postgres_server.execute(TABLES + ROWS, name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


async def command(folder: Path, url: str, *arguments: str) -> Finished:
    """Run ``python -m app ARGUMENTS`` on the database."""
    return await run_command(folder, {"DATABASE_URL": url}, *arguments)


async def test_a_message_is_in_the_originals_table_when_it_was_sent(
    chat: Chat, postgres_server: PostgresServer, database: str
) -> None:
    """A NestJS node can read the message and its delivery status."""
    alice, bob, carol = [await chat.client(name) for name in ("alice", "bob", "carol")]

    answer = await alice.ask("sendMessage", {"content": "hello", "channelId": chat.general})
    seen = await bob.sees("message.created")
    for recipient in (bob, carol):
        await recipient.ask("message:delivered", {"messageId": answer["data"]["id"]})

    rows = postgres_server.execute(
        'SELECT "channelId", content, "deliveryStatus" FROM messages', database
    )
    assert {"data": a_message(alice, chat.general, "hello")} == answer
    assert answer["data"] == seen
    assert [chat.general, "hello", "DELIVERED"] in rows


async def test_a_socket_sees_its_own_message_when_another_socket_joined_the_room_first(
    chat: Chat, postgres_server: PostgresServer, database: str
) -> None:
    """The original backend adds the user to the channel between the two connections."""
    first = await chat.client("dave")
    postgres_server.execute(
        'INSERT INTO channel_members ("channelId", "userId") '  # noqa: S608 - our own ids
        f"VALUES ('{chat.quiet}', '{chat.user_id('dave')}')",
        database,
    )
    second = await chat.client("dave")

    answer = await first.ask("sendMessage", {"content": "hello", "channelId": chat.quiet})

    assert answer["data"] == await first.sees("message.created")
    assert answer["data"] == await second.sees("message.created")


async def test_sends_are_answered_in_time_and_heal_when_postgres_is_restarted(
    chats: Chats, server: ServerProcess, postgres_server: PostgresServer
) -> None:
    """No send is acked while PostgreSQL is down. Afterwards the server works without a restart."""
    chat = chats.on(server)
    alice = await chat.client("alice")
    message = {"content": "hello", "channelId": chat.general}
    await alice.ask("sendMessage", message)

    await asyncio.to_thread(postgres_server.stop)
    began = monotonic()
    lost = await alice.ask("sendMessage", message)
    took = monotonic() - began
    health_down = await readiness(server, NOT_READY)
    await asyncio.to_thread(postgres_server.start_again)
    stored = await alice.ask("sendMessage", message)
    health_up = await readiness(server, READY)
    chat.leave()

    assert an_error("unavailable", temporary=True) == lost
    assert took < ANSWER_SECONDS
    assert "error" not in stored
    assert (NOT_READY, READY) == (health_down, health_up)
    assert "secret" not in server.out + server.err


async def test_no_demo_users_come_when_the_database_has_users(
    original: str, serve: Serve, postgres_server: PostgresServer
) -> None:
    """The output shows how to get a token of an existing user."""
    name = original.rpartition("/")[2]
    postgres_server.execute("UPDATE users SET id = 'their_' || id", name)
    counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM channel_members)"
    before = postgres_server.execute(counts, name)

    server = await serve(DATABASE_URL=original, SEED_FILE="")

    assert before == postgres_server.execute(counts, name)
    assert "The database already has users, so no demo users were added." in server.out
    assert "python -m app token USER" in server.out


async def test_the_doctor_finds_nothing_missing_when_the_originals_database_was_migrated(
    original: str, tmp_path: Path
) -> None:
    """The doctor exits with 1 before the migration, and with 0 after it.

    It always warns of fsync, which is off in this PostgreSQL.
    """
    before = await command(tmp_path, original, "doctor")
    migrated = await command(tmp_path, original, "migrate")
    after = await command(tmp_path, original, "doctor")

    missing = "The database is not up to date; run `python -m app migrate` first."
    nothing = "The database has all that is needed."
    assert (1, [missing, FSYNC_WARNING]) == (before.code, before.out.splitlines())
    assert 0 == migrated.code
    assert (0, [FSYNC_WARNING, nothing]) == (after.code, after.out.splitlines())


async def test_migrate_warns_of_obstacles_when_the_original_has_another_schema(
    original: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Migration succeeds with a warning; `doctor` repeats it, and `seed` refers to `doctor`."""
    seed = tmp_path / "seed.json"
    seed.write_text('{"user_new": ["general"]}')
    name = original.rpartition("/")[2]
    postgres_server.execute("ALTER TABLE users ALTER email SET NOT NULL", name)
    warning = (
        "`seed` cannot add to users: the column email must not be NULL and has no default value.\n"
        f"{FSYNC_WARNING}\n"
    )

    migrated = await command(tmp_path, original, "migrate")
    after = await command(tmp_path, original, "doctor")
    seeded = await command(tmp_path, original, "seed", str(seed))

    assert 0 == migrated.code
    assert migrated.out.startswith("Applied migration 0002 ")
    assert migrated.out.endswith(f").\n{warning}")
    assert 1 == seeded.code
    assert "`python -m app doctor` may say why" in seeded.err
    assert (0, f"{warning}The database has all that is needed.\n") == (after.code, after.out)


async def test_the_doctor_repeats_no_password_when_the_server_refuses_it(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The error contains no part of the database's URL."""
    finished = await command(tmp_path, postgres_server.url("e2e", "stranger"), "doctor")

    assert (1, "") == (finished.code, finished.out)
    assert "refuses this password" in finished.err
    assert "secret" not in finished.err

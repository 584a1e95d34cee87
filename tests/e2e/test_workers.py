"""Tests a server of several worker processes, with a real Redis and PostgreSQL."""

import asyncio
import json
import os
import signal
import socket
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, TCPConnector

from app.adapters.system.shared_port import SharedPort
from app.adapters.system.stop_request import RESTART_SIGNAL
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.chat_groups import Chats
from tests.e2e.clerk import clerk_token
from tests.e2e.conftest import GENEROUS
from tests.e2e.light_client import Crowd, LightClient
from tests.e2e.nodes import NODE
from tests.e2e.server_process import ServerProcess, run_command, running
from tests.e2e.worker_processes import is_running, workers_of
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer
from tests.until import until

CLIENTS = 40
"""A number so high that each of two workers almost certainly gets a client."""
LOOK_SECONDS = 0.05


@pytest.fixture
def settings(redis_server: RedisServer, postgres_url: str) -> Mapping[str, str]:
    return settings_of(redis_server.url, postgres_url)


def settings_of(redis_url: str, database_url: str) -> Mapping[str, str]:
    """Return the settings of a production server with two workers."""
    return {
        **NODE,
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "WEB_CONCURRENCY": "2",
        "DRAIN_SECONDS": "2",
        "MAX_SOCKETS_PER_USER": "1000",
    }


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[ServerProcess]:
    """A running server with two workers, which a test may stop or kill."""
    server = ServerProcess(tmp_path, settings)
    await server.start()
    workers = workers_of(server)
    yield server
    for pid in (server.pid, *workers, *workers_of(server)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_server(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> AsyncIterator[ServerProcess]:
    """A running server with two workers. A test may kill or replace the workers."""
    redis = RedisServer()
    postgres_server.create_database("workers", postgres_template)
    settings = settings_of(redis.url, postgres_server.url("workers"))
    async with running(tmp_path_factory.mktemp("workers"), settings) as server:
        yield server
    postgres_server.drop_database("workers")
    redis.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def development_server(
    tmp_path_factory: pytest.TempPathFactory, seed_file: Path, postgres_server: PostgresServer
) -> AsyncIterator[ServerProcess]:
    """A development server with two workers, which was started with an empty database.

    A test may replace the workers.
    """
    redis = RedisServer()
    postgres_server.create_database("development")
    settings = {
        "SEED_FILE": str(seed_file),
        "REDIS_URL": redis.url,
        "DATABASE_URL": postgres_server.url("development"),
        "DRAIN_SECONDS": "2",
        **GENEROUS,
    }
    server = ServerProcess(tmp_path_factory.mktemp("development"), settings)
    await server.start("--workers", "2")
    yield server
    await server.stop()
    postgres_server.drop_database("development")
    redis.stop()


async def all_ended(pids: list[int]) -> None:
    await until(lambda: not any(map(is_running, pids)), PROCESS_SECONDS)


async def logged(
    server: ServerProcess, event: str, times: int = 1, *, start: int = 0
) -> list[dict[str, object]]:
    """Wait until the event was logged this number of times, and return its lines.

    Args:
        start: The length of the earlier output, which is ignored.
    """
    async with asyncio.timeout(PROCESS_SECONDS):
        while True:
            whole, _, _ = server.err[start:].rpartition("\n")
            lines = [json.loads(line) for line in whole.splitlines()]
            found = [line for line in lines if line["event"] == event]
            if len(found) >= times:
                return found
            await asyncio.sleep(LOOK_SECONDS)


async def is_served(client: LightClient) -> bool:
    try:
        return "data" in (await client.ask("message:getOfflineCount")).data
    except EOFError:
        return False


async def connected(server: ServerProcess, crowd: Crowd) -> list[LightClient]:
    return [
        await crowd.admitted(server, clerk_token({"sub": f"user_{number}"}))
        for number in range(CLIENTS)
    ]


async def test_clients_of_a_killed_worker_come_back_when_it_is_restarted(
    shared_server: ServerProcess, crowd: Crowd
) -> None:
    """The clients of the other worker stay connected."""
    server, start = shared_server, len(shared_server.err)
    clients = await connected(server, crowd)
    before = workers_of(server)

    os.kill(before[0], signal.SIGKILL)
    (died,) = await logged(server, "worker ended", start=start)
    served = [await is_served(client) for client in clients]
    (started,) = await logged(server, "started", start=start)
    again = [await is_served(client) for client in await connected(server, crowd)]

    assert 0 < sum(served) < CLIENTS
    assert (1, before[0], "killed by SIGKILL") == (died["worker"], died["pid"], died["status"])
    assert 1 == started["worker"]
    assert workers_of(server) == [before[1], started["pid"]]
    assert all(again)


async def test_workers_exit_together_when_the_server_is_stopped(
    server: ServerProcess, crowd: Crowd
) -> None:
    """Every line of the log is a whole line, with the worker that wrote it.

    Each worker also gets its own SIGTERM, as from a process manager that signals the group.
    """
    await connected(server, crowd)
    workers = workers_of(server)

    for pid in (*workers, server.pid):
        os.kill(pid, signal.SIGTERM)
    code = await server.ended()

    lines = [json.loads(line) for line in server.err.splitlines()]
    drained = {line["worker"]: line["pid"] for line in lines if line["event"] == "draining"}
    assert 0 == code
    assert [] == [pid for pid in workers if is_running(pid)]
    assert dict(enumerate(workers, start=1)) == drained
    assert {1, 2} == {line["worker"] for line in lines if line["event"] == "stopped"}
    assert 1 == server.out.count("listening on")


async def test_all_processes_end_at_once_when_a_second_signal_arrives(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    server = ServerProcess(tmp_path, {**settings, "DRAIN_SECONDS": "600"})
    await server.start()
    workers = workers_of(server)

    server.signal(signal.SIGTERM)
    await logged(server, "draining", times=2)
    server.signal(signal.SIGTERM)
    code = await server.ended()
    await all_ended(workers)

    assert -signal.SIGTERM == code


async def test_workers_exit_when_the_supervisor_is_killed(
    server: ServerProcess, crowd: Crowd
) -> None:
    """The workers drain, and another server can use the port at once."""
    await connected(server, crowd)
    workers = workers_of(server)

    await server.kill()
    await all_ended(workers)
    drained = await logged(server, "draining", times=2)
    SharedPort("127.0.0.1", server.port).close()

    assert {1, 2} == {line["worker"] for line in drained}


async def test_no_new_connection_fails_when_the_workers_are_replaced(
    shared_server: ServerProcess, crowd: Crowd
) -> None:
    """Every request for ``/health/ready`` uses a new connection, and succeeds.

    Afterwards, clients can connect to the new workers.
    """
    server, start = shared_server, len(shared_server.err)
    await connected(server, crowd)
    before = workers_of(server)
    statuses: list[int] = []

    async def ask() -> None:
        connector = TCPConnector(force_close=True)
        async with ClientSession(connector=connector) as http:
            while True:
                async with http.get(f"{server.url}/health/ready") as answer:
                    statuses.append(answer.status)
                await asyncio.sleep(0.01)  # leave the new workers some CPU time

    async with TaskGroup() as tasks:
        askers = [tasks.create_task(ask()) for _ in range(4)]
        server.signal(RESTART_SIGNAL)
        await logged(server, "all workers were restarted", start=start)
        for each in askers:
            each.cancel()
    again = [await is_served(client) for client in await connected(server, crowd)]

    assert {200} == set(statuses)
    assert set(before).isdisjoint(workers_of(server))
    assert 2 == len(workers_of(server))
    assert all(again)


async def test_client_comes_back_by_itself_when_its_worker_is_replaced(
    development_server: ServerProcess, chats: Chats
) -> None:
    """The client gets ``server:draining`` first. Socket.IO reconnects without other code."""
    chat = chats.on(development_server)
    alice = await chat.client("alice")

    development_server.signal(RESTART_SIGNAL)
    notice = await alice.sees("server:draining")
    reason = await alice.sees("disconnect")
    await alice.sees("connect")
    answer = await alice.ask("message:getOfflineCount")
    chat.leave()

    assert 500 <= notice["reconnectAfterMs"] <= 5_000
    assert "transport close" == reason
    assert "data" in answer


async def test_single_process_continues_when_it_gets_the_restart_signal(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, {}) as server:
        server.signal(RESTART_SIGNAL)
        await until(lambda: "only has an effect on the supervisor" in server.err, PROCESS_SECONDS)

        assert await server.token("user_alice")


async def test_database_is_migrated_and_seeded_once_when_the_workers_start(
    development_server: ServerProcess, chats: Chats
) -> None:
    """In development, tokens that one worker signs are accepted by all workers.

    Members who are connected to different workers receive the same messages, in the same order.
    """
    chat = chats.on(development_server)

    alice, *bobs = [await chat.client(name) for name in ("alice", *["bob"] * 12)]
    for text in ("one", "two", "three"):
        await alice.ask("sendMessage", {"content": text, "channelId": chat.general})
    received = [[(await bob.sees("message.created"))["content"] for _ in range(3)] for bob in bobs]
    chat.leave()

    assert [["one", "two", "three"]] * 12 == received
    assert 1 == development_server.out.count("user_alice_0 ")


@contextmanager
def foreign_server(port: int) -> Iterator[None]:
    """Listen on the port, as another program of the same user that shares the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield


@pytest.mark.parametrize(
    ("changed", "problem", "fix"),
    [
        ({"REDIS_URL": ""}, "Several workers need Redis", "set REDIS_URL, or run one process"),
        ({"DATABASE_URL": "memory:"}, "DATABASE_URL is memory:", "set it to a PostgreSQL"),
        (
            {"DATABASE_URL": "sqlite:///chat.db"},
            "which only one process may serve",
            "set DATABASE_URL to a PostgreSQL",
        ),
        (
            {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/none"},
            "The database cannot be reached",
            "start it, or correct DATABASE_URL",
        ),
        ({"WEB_CONCURRENCY": "1000"}, "WEB_CONCURRENCY must be less than", "server processes"),
    ],
)
async def test_run_says_how_to_fix_it_when_several_workers_cannot_start(
    tmp_path: Path, settings: Mapping[str, str], changed: dict[str, str], problem: str, fix: str
) -> None:
    """The error is printed once, by the supervisor or by the first worker."""
    finished = await ServerProcess(tmp_path, {**settings, **changed}).command("run")

    assert (1, 1) == (finished.code, len(finished.err.splitlines()))
    assert problem in finished.err
    assert fix in finished.err
    assert "secret" not in finished.err


async def test_run_is_refused_when_another_program_shares_the_port(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    """``SO_REUSEPORT`` alone would let both programs listen, each with a part of the clients."""
    server = ServerProcess(tmp_path, settings)

    with foreign_server(server.port):
        finished = await server.command("run")

    assert (1, 1) == (finished.code, len(finished.err.splitlines()))
    assert finished.err.rstrip().endswith("stop the program that uses it, or set another PORT.")


async def test_second_server_says_so_when_workers_use_the_port(
    shared_server: ServerProcess,
) -> None:
    for workers in ("1", "2"):
        finished = await shared_server.command("run", "--workers", workers)

        assert 1 == finished.code
        assert finished.err.rstrip().endswith("stop the program that uses it, or set another PORT.")


async def test_workers_are_refused_when_the_reloader_runs(tmp_path: Path) -> None:
    finished = await run_command(tmp_path, {}, "run", "--reload", "--workers", "2")

    assert 2 == finished.code
    assert "--reload runs one process" in finished.err


async def test_workers_do_not_start_when_the_first_one_is_refused_by_the_database(
    tmp_path: Path, settings: Mapping[str, str], postgres_server: PostgresServer
) -> None:
    """In production, no worker migrates the database."""
    postgres_server.create_database("not_migrated")
    url = postgres_server.url("not_migrated")

    finished = await ServerProcess(tmp_path, {**settings, "DATABASE_URL": url}).command("run")
    postgres_server.drop_database("not_migrated")

    assert (1, 1) == (finished.code, len(finished.err.splitlines()))
    assert "run `python -m app migrate` first" in finished.err

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.clerk import clerk_token
from tests.e2e.cuttable_link import cuttable_link
from tests.e2e.hostile.probe_server import eventually
from tests.e2e.light_client import ADMITTED, REFUSED_FOR_NOW, Answer, Crowd, LightClient
from tests.e2e.nodes import NODE, READY, readiness, revoke
from tests.e2e.server_process import ServerProcess, running
from tests.redis_server import RedisServer

MEMBERS = 20
NEWCOMERS = 5
CROWD = 100
PAUSE_SECONDS = 0.05
"""The pause of each member between two messages, in seconds."""

IN_TIME_SECONDS = 10.0
"""The maximum time for acks, refusals and admissions in any state of Redis.

Normally they take less than a second. If new clients waited one after another, they would take 40
s.
"""
NOTICED = ("Redis is not available", "cannot receive revocations of other nodes")

NOT_READY = (503, {"status": "unavailable", "reason": "revocations unavailable"})
DEGRADED = (
    200,
    {
        "status": "degraded",
        "reason": "revocations unavailable: clients are admitted unchecked",
    },
)

Breakdown = Callable[[RedisServer], AbstractAsyncContextManager[None]]
Record = Callable[[str, object], None]
"""Records figures for the docs; ``pytest -o junit_family=xunit1 --junitxml=FILE`` shows them."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis server for one test, which stops or freezes it."""
    server = RedisServer()
    yield server
    server.stop()


@asynccontextmanager
async def stopped(redis: RedisServer) -> AsyncIterator[None]:
    """Stop Redis inside the block, and start an empty one after it."""
    await asyncio.to_thread(redis.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(redis.start_again)


@asynccontextmanager
async def frozen(redis: RedisServer) -> AsyncIterator[None]:
    """Freeze Redis inside the block: it accepts connections, but does not answer."""
    with redis.frozen():
        yield


breakdowns = pytest.mark.parametrize("broken", [stopped, frozen])


@asynccontextmanager
async def node_on(redis_url: str, folder: Path, **settings: str) -> AsyncIterator[ServerProcess]:
    """Start a node on which each pair of users has a channel."""
    seed = folder / "seed.json"
    seed.write_text(json.dumps({f"user_{each}": [_channel(each)] for each in range(MEMBERS)}))
    everything = {**NODE, "REDIS_URL": redis_url, "SEED_FILE": str(seed), **settings}
    async with running(folder, everything) as node:
        yield node


def _channel(member: int) -> str:
    return f"channel_{member // 2}"


@asynccontextmanager
async def sending(clients: list[LightClient]) -> AsyncIterator[list[Answer]]:
    """Let every client send messages inside the block, and collect the acks."""
    answers: list[Answer] = []
    is_over = asyncio.Event()

    async def send(member: int, client: LightClient) -> None:
        message = {"content": "still there?", "channelId": _channel(member)}
        while not is_over.is_set():
            answers.append(await client.ask("sendMessage", message))
            await asyncio.sleep(PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        for member, client in enumerate(clients):
            group.create_task(send(member, client))
        try:
            yield answers
        finally:
            is_over.set()


async def until_noticed(node: ServerProcess) -> None:
    """Wait until the node has logged that Redis is unavailable."""
    await eventually(
        lambda: all(sentence in node.err for sentence in NOTICED),
        lambda: node.err,
    )


async def go_on(acks: list[Answer]) -> None:
    """Wait until every member has sent messages for about half a second."""
    enough = len(acks) + 10 * MEMBERS
    await eventually(lambda: len(acks) >= enough, lambda: len(acks))


@breakdowns
@pytest.mark.parametrize(
    ("policy", "code", "ready"),
    [
        ("refuse", REFUSED_FOR_NOW, NOT_READY),
        ("admit", ADMITTED, DEGRADED),
    ],
)
async def test_members_go_on_and_newcomers_are_answered_at_once_when_redis_is_lost(
    tmp_path: Path,
    redis: RedisServer,
    crowd: Crowd,
    record_property: Record,
    broken: Breakdown,
    policy: str,
    code: str,
    ready: tuple[int, dict[str, str]],
) -> None:
    """Connected clients can still send and refresh.

    REVOCATION_UNAVAILABLE decides whether new clients are admitted.
    """
    async with node_on(redis.url, tmp_path, REVOCATION_UNAVAILABLE=policy) as node:
        tokens = [clerk_token({"sub": f"user_{member}"}) for member in range(MEMBERS)]
        new = [clerk_token({"sub": f"newcomer_{each}"}) for each in range(2 * NEWCOMERS)]
        members = [await crowd.admitted(node, token) for token in tokens]
        async with sending(members) as acks:
            await go_on(acks)
            async with broken(redis):
                at_once = await asyncio.gather(
                    *(crowd.try_to_connect(node, token) for token in new[:NEWCOMERS])
                )
                refreshes = await asyncio.gather(
                    *(
                        member.ask("auth:refresh", {"token": token})
                        for member, token in zip(members, tokens, strict=True)
                    )
                )
                await go_on(acks)
                later = [await crowd.try_to_connect(node, token) for token in new[NEWCOMERS:]]
                during = await readiness(node, ready)

    record_property("slowest_ack_ms", max(ack.seconds for ack in acks) * 1e3)
    record_property("first_verdicts_ms", max(seconds for _, seconds in at_once) * 1e3)
    record_property("later_verdicts_ms", max(seconds for _, seconds in later) * 1e3)
    assert all("data" in answer.data for answer in (*acks, *refreshes))
    assert max(answer.seconds for answer in (*acks, *refreshes)) < IN_TIME_SECONDS
    assert [code] * 2 * NEWCOMERS == [each for each, _ in (*at_once, *later)]
    assert max(seconds for _, seconds in (*at_once, *later)) < IN_TIME_SECONDS
    assert ready == during
    assert not any(member.end_reason for member in members)


@breakdowns
async def test_everybody_is_answered_in_time_when_a_crowd_connects_as_redis_is_lost(
    tmp_path: Path,
    redis: RedisServer,
    crowd: Crowd,
    record_property: Record,
    broken: Breakdown,
) -> None:
    """After the loss, clients are refused. Clients that connect just before may be admitted."""
    tokens = [clerk_token({"sub": f"newcomer_{each}"}) for each in range(CROWD)]
    async with node_on(redis.url, tmp_path) as node:
        clients = [await crowd.unauthenticated(node) for _ in tokens]
        coming = list(zip(clients, tokens, strict=True))

        began_at = time.monotonic()
        for client, token in coming[: CROWD // 2]:
            client.connect(token)
        async with broken(redis):
            for client, token in coming[CROWD // 2 :]:
                client.connect(token)
            verdicts = await asyncio.gather(*(client.verdict() for client in clients))

    seconds = [verdict.at - began_at for verdict in verdicts]
    record_property("slowest_of_crowd_ms", max(seconds) * 1e3)
    record_property("admitted", [verdict.code for verdict in verdicts].count(ADMITTED))
    assert {verdict.code for verdict in verdicts} <= {ADMITTED, REFUSED_FOR_NOW}
    assert {REFUSED_FOR_NOW} == {verdict.code for verdict in verdicts[CROWD // 2 :]}
    assert max(seconds) < IN_TIME_SECONDS


@breakdowns
async def test_socket_ends_in_time_when_its_token_is_blacklisted_as_redis_comes_back(
    tmp_path: Path,
    redis: RedisServer,
    crowd: Crowd,
    record_property: Record,
    broken: Breakdown,
) -> None:
    """The token is blacklisted by writing its key to Redis, without publishing the revocation.

    New clients are admitted again.
    """
    token = clerk_token({"sub": "user_0"})
    async with node_on(redis.url, tmp_path) as node:
        client = await crowd.admitted(node, token)
        other = await crowd.admitted(node, clerk_token({"sub": "user_1"}))
        async with broken(redis):
            await until_noticed(node)
            during = await readiness(node, NOT_READY)

        back_at = time.monotonic()
        redis.client.set(f"blacklist:token:{token}", "1", ex=60)
        admitted_at, reason = await asyncio.gather(
            crowd.retry_until_admitted(node, clerk_token({"sub": "user_2"})),
            client.ended(),
        )
        goes_on = await other.ask("message:getOfflineCount")
        after = await readiness(node, READY)

    record_property("admitted_again_after_seconds", admitted_at - back_at)
    record_property("caught_up_after_seconds", reason.at - back_at)
    assert "revoked" == reason.code
    assert "data" in goes_on.data
    assert (NOT_READY, READY) == (during, after)


async def test_socket_ends_in_time_when_its_node_was_cut_off_while_the_user_was_revoked(
    tmp_path: Path, redis: RedisServer, crowd: Crowd, record_property: Record
) -> None:
    """The node missed the published revocation, and reads the stored one after it reconnects."""
    async with (
        cuttable_link(redis.url) as link,
        running(tmp_path, {**NODE, "REDIS_URL": redis.url}) as whole,
        running(tmp_path, {**NODE, "REDIS_URL": f"redis://127.0.0.1:{link.port}"}) as cut_off,
    ):
        client = await crowd.admitted(cut_off, clerk_token({"sub": "user_0"}))
        link.cut()
        await until_noticed(cut_off)
        await revoke(whole, {"userId": "user_0"})
        meanwhile = await client.ask("message:getOfflineCount")

        restored_at = time.monotonic()
        link.restore()
        reason = await client.ended()

    record_property("caught_up_after_seconds", reason.at - restored_at)
    assert "data" in meanwhile.data
    assert "revoked" == reason.code

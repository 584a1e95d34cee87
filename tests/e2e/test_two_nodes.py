import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain, product
from math import ceil
from pathlib import Path
from statistics import median, quantiles

import pytest
import pytest_asyncio

from app.domain.principal import CLOCK_SKEW_SECONDS
from tests.e2e.clerk import clerk_token
from tests.e2e.light_client import ADMITTED, REFUSED_FOR_NOW, Crowd, LightClient
from tests.e2e.nodes import Nodes, revoke, send_webhook, two_nodes
from tests.e2e.server_process import ServerProcess
from tests.redis_server import RedisServer

USERS = 20
SOCKETS_OF_USER = 10
MAX_SOCKETS = 20
AT_ONCE_SECONDS = 2.0
"""The maximum time from a revocation until its sockets on both nodes are closed.

Normally this takes 10 ms. A node that misses the published revocation polls every 3 s.
"""
FREED_SECONDS = 5.0
"""The maximum time until other nodes see that a socket was closed.

Besides, nodes write all of their counts every 10 s.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> AsyncIterator[Nodes]:
    """Two nodes for all tests; each test has its own users."""
    folder = tmp_path_factory.mktemp("nodes")
    async with two_nodes(folder, redis.url, MAX_SOCKETS_PER_USER=str(MAX_SOCKETS)) as nodes:
        yield nodes


async def is_connected(client: LightClient) -> bool:
    """Return whether the client got no ``error`` event, and its events are answered."""
    return (
        client.end_reason is None and "data" in (await client.ask("message:getOfflineCount")).data
    )


async def test_exactly_the_users_sockets_end_when_users_are_revoked_one_by_one(
    nodes: Nodes, crowd: Crowd, record_property: Callable[[str, object], None]
) -> None:
    """The 200 sockets are spread over two nodes; one of the nodes receives the requests."""
    sockets = {
        f"user_{number}": [
            await crowd.admitted(
                nodes[index % 2],
                clerk_token({"sub": f"user_{number}", "sid": f"sess_{number}_{index}"}),
            )
            for index in range(SOCKETS_OF_USER)
        ]
        for number in range(USERS)
    }
    latencies = []

    while sockets:
        user_id, concerned = sockets.popitem()
        asked_at = time.monotonic()
        await revoke(nodes[0], {"userId": user_id})
        reasons = await asyncio.gather(*(client.ended() for client in concerned))
        latencies += [reason.at - asked_at for reason in reasons]

        assert ["revoked"] * SOCKETS_OF_USER == [reason.code for reason in reasons]
        others = chain.from_iterable(sockets.values())
        assert all(await asyncio.gather(*map(is_connected, others)))

    p99 = quantiles(latencies, n=100, method="inclusive")[-1]
    record_property("revocation_p50_ms", median(latencies) * 1e3)
    record_property("revocation_p99_ms", p99 * 1e3)
    assert USERS * SOCKETS_OF_USER == len(latencies)
    assert median(latencies) < AT_ONCE_SECONDS / 4


async def by_backend(node: ServerProcess, kind: str, subject: str) -> None:
    """Revoke with a request from a backend."""
    name = {"user": "userId", "session": "sessionId", "token": "token"}[kind]
    await revoke(node, {name: subject})


async def by_command(node: ServerProcess, kind: str, subject: str) -> None:
    finished = await node.command("revoke", f"--{kind}", subject)
    assert (0, "") == (finished.code, finished.err)


async def by_clerk(node: ServerProcess, kind: str, subject: str) -> None:
    event_type = {"user": "user.deleted", "session": "session.revoked"}[kind]
    await send_webhook(node, event_type, subject, f"msg_{subject}")


Means = Callable[[ServerProcess, str, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("means", "kind"),
    [
        (by_backend, "user"),
        (by_backend, "session"),
        (by_backend, "token"),
        (by_command, "user"),
        (by_command, "session"),
        (by_command, "token"),
        (by_clerk, "user"),
        (by_clerk, "session"),
    ],
)
async def test_exactly_what_is_named_ends_when_it_is_revoked(
    nodes: Nodes, crowd: Crowd, means: Means, kind: str
) -> None:
    """A revocation ends a token, a session or all sessions of a user, on both nodes."""
    ids = f"{means.__name__}_{kind}"
    user_id, phone, laptop = f"user_{ids}", f"sess_phone_{ids}", f"sess_laptop_{ids}"
    token = clerk_token({"sub": user_id, "sid": phone, "jti": "first"})
    tokens = {
        "token": token,
        "session": clerk_token({"sub": user_id, "sid": phone, "jti": "second"}),
        "user": clerk_token({"sub": user_id, "sid": laptop}),
        "nothing": clerk_token({"sub": f"other_{ids}", "sid": f"sess_other_{ids}"}),
    }
    # Keep this order: a revocation also ends the sockets of the entries above its own. For example,
    # revoking the user also ends the sockets of "session" and "token".
    sockets = {
        reach: [await crowd.admitted(node, tokens[reach]) for node in nodes] for reach in tokens
    }
    reached = list(tokens)[: list(tokens).index(kind) + 1]
    ending = [client for reach in reached for client in sockets.pop(reach)]
    subject = {"token": token, "session": phone, "user": user_id}[kind]

    began_at = time.monotonic()
    await means(nodes[0], kind, subject)
    revoked_at = time.monotonic() if means is by_command else began_at
    reasons = await asyncio.gather(*(client.ended() for client in ending))
    refusals = [await crowd.try_to_connect(node, token) for node in nodes]

    assert {"revoked"} == {reason.code for reason in reasons}
    assert max(reason.at for reason in reasons) - revoked_at < AT_ONCE_SECONDS
    assert ["revoked"] * 2 == [code for code, _ in refusals]
    staying = chain.from_iterable(sockets.values())
    assert all(await asyncio.gather(*map(is_connected, staying)))


@pytest.mark.parametrize("refreshes", [0, 1])
async def test_socket_ends_when_a_nestjs_node_blacklists_its_token(
    nodes: Nodes,
    crowd: Crowd,
    redis: RedisServer,
    record_property: Callable[[str, object], None],
    refreshes: int,
) -> None:
    """The NestJS node writes the documented key without publishing the revocation."""
    claims: dict[str, object] = {"sub": f"user_of_nest_{refreshes}"}
    other = clerk_token({**claims, "jti": "other"})
    first, *later = (clerk_token({**claims, "jti": f"{n}"}) for n in range(refreshes + 1))
    sockets = [await crowd.admitted(node, first) for node in nodes]
    for client, token in product(sockets, later):
        assert "data" in (await client.ask("auth:refresh", {"token": token})).data
    blacklisted = [first, *later][-1]

    written_at = time.monotonic()
    redis.client.set(f"blacklist:token:{blacklisted}", "1", ex=60)
    refusals = [await crowd.try_to_connect(node, blacklisted) for node in nodes]
    admitted = [await crowd.try_to_connect(node, other) for node in nodes]
    reasons = await asyncio.gather(*(client.ended() for client in sockets))

    slowest = max(reason.at for reason in reasons) - written_at
    record_property("polled_ms", slowest * 1e3)
    assert ["revoked"] * 2 == [code for code, _ in refusals]
    assert [ADMITTED] * 2 == [code for code, _ in admitted]
    assert ["revoked"] * 2 == [reason.code for reason in reasons]


async def test_command_writes_what_nestjs_nodes_read_when_it_revokes_a_token(
    nodes: Nodes, redis: RedisServer
) -> None:
    """The command writes the documented key and value, which outlive the token."""
    expires_at = ceil(time.time()) + 3 * 86_400
    token = clerk_token({"sub": "user_documented", "exp": expires_at})
    before = set(redis.client.scan_iter())

    await by_command(nodes[0], "token", token)

    key = f"blacklist:token:{token}"
    written = {each for each in redis.client.scan_iter() if each not in before}
    assert {key} == {each for each in written if not each.startswith("chatgenius:sockets:")}
    assert ("string", "1") == (redis.client.type(key), redis.client.get(key))
    assert redis.client.pttl(key) / 1_000 >= expires_at + CLOCK_SKEW_SECONDS - time.time()


async def test_replay_ends_no_socket_when_another_node_had_the_message(
    nodes: Nodes, crowd: Crowd
) -> None:
    """The user has signed in again since the ban, so the socket stays connected."""
    ban = ("user.banned", "user_banned", "msg_ban")
    sockets = [await crowd.admitted(node, clerk_token({"sub": "user_banned"})) for node in nodes]

    await send_webhook(nodes[0], *ban)
    await asyncio.gather(*(client.ended() for client in sockets))
    # Issue this token in a later second than the ban, because a token's times are whole seconds.
    later = clerk_token({"sub": "user_banned", "iat": int(time.time()) + 1})
    again = [await crowd.admitted(node, later) for node in nodes]
    await send_webhook(nodes[1], *ban)

    assert all(await asyncio.gather(*map(is_connected, again)))
    assert [ADMITTED] * 2 == [(await crowd.try_to_connect(node, later))[0] for node in nodes]


async def test_user_is_refused_everywhere_when_sockets_on_both_nodes_are_the_maximum(
    nodes: Nodes, crowd: Crowd
) -> None:
    """After one of the sockets has closed, the other node admits a new one."""
    token = clerk_token({"sub": "user_of_many"})
    sockets = [await crowd.admitted(nodes[index % 2], token) for index in range(MAX_SOCKETS)]

    refusals = [await crowd.try_to_connect(node, token) for node in nodes]
    await sockets[0].leave()
    left_at = time.monotonic()
    freed_at = await crowd.retry_until_admitted(nodes[1], token)

    assert [REFUSED_FOR_NOW] * 2 == [code for code, _ in refusals]
    assert freed_at - left_at < FREED_SECONDS
    assert REFUSED_FOR_NOW == (await crowd.try_to_connect(nodes[0], token))[0]


async def test_sockets_of_a_node_do_not_count_when_it_was_killed(
    tmp_path: Path, redis: RedisServer, crowd: Crowd
) -> None:
    """The sockets of a killed node count until the node's heartbeat in Redis expires."""
    token = clerk_token({"sub": "user_of_the_dead"})
    async with two_nodes(tmp_path, redis.url, MAX_SOCKETS_PER_USER="3") as (dying, living):
        for node in (dying, dying, living):
            await crowd.admitted(node, token)

        await dying.kill()
        refusal, _ = await crowd.try_to_connect(living, token)
        # Delete the heartbeat's key, which would expire only after half a minute.
        counts = redis.client.hgetall("chatgenius:sockets:user:user_of_the_dead")
        (dead_id,) = (str(node_id) for node_id, sockets in counts.items() if sockets == "2")
        redis.client.delete(f"chatgenius:sockets:node:{dead_id}")
        admitted = [(await crowd.try_to_connect(living, token))[0] for _ in range(3)]
        await dying.start()

    assert REFUSED_FOR_NOW == refusal
    assert [ADMITTED, ADMITTED, REFUSED_FOR_NOW] == admitted


@pytest.mark.parametrize(
    "limit", ["RATE_LIMIT_CONNECTS_PER_MINUTE", "RATE_LIMIT_FAILED_AUTH_PER_MINUTE"]
)
async def test_address_is_refused_by_one_node_when_it_has_used_up_its_attempts_on_another(
    tmp_path: Path, crowd: Crowd, redis: RedisServer, limit: str
) -> None:
    """The nodes share both the limit for attempts and the limit for failures."""
    settings = {limit: "3", "TRUSTED_PROXIES": "127.0.0.1"}
    address = {"X-Forwarded-For": f"192.0.2.{len(limit)}"}
    other = {"X-Forwarded-For": "198.51.100.1"}
    good = clerk_token({"sub": "user_of_addresses"})
    async with two_nodes(tmp_path, redis.url, **settings) as (first, second):
        used = [await crowd.try_to_connect(first, "nonsense", address) for _ in range(3)]
        refused = [await crowd.try_to_connect(node, good, address) for node in (second, first)]
        elsewhere, _ = await crowd.try_to_connect(second, good, other)

    assert ["token_malformed"] * 3 == [each for each, _ in used]
    assert [REFUSED_FOR_NOW] * 2 == [each for each, _ in refused]
    assert ADMITTED == elsewhere

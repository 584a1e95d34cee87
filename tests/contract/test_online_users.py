from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from app.adapters.memory.limits import MemorySocketQuota
from app.adapters.memory.online_users import MemoryOnlineUsers
from app.adapters.redis.connection import RedisConnection
from app.adapters.redis.online_users import RedisOnlineUsers
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.domain.ids import UserId
from app.ports import OnlineUsers, SocketQuota
from tests.contract.conftest import CONNECTIONS, MAX_SOCKETS
from tests.doubles.manual_clock import ManualClock

ALICE, BOB = UserId("user_alice"), UserId("user_bob")
ODD = UserId("user_\ud800 ü'\n")
"""An id that UTF-8 cannot encode."""


class Node(NamedTuple):
    """A node, and the quota that counts its sockets."""

    online_users: OnlineUsers
    quota: SocketQuota


@pytest.fixture(params=["memory", *CONNECTIONS])
def closed_node(request: pytest.FixtureRequest, clock: ManualClock) -> Node:
    if request.param == "memory":
        in_memory = MemorySocketQuota(MAX_SOCKETS)
        return Node(MemoryOnlineUsers(in_memory), in_memory)
    connection: RedisConnection = request.getfixturevalue(CONNECTIONS[request.param])
    quota = RedisSocketQuota(connection, MAX_SOCKETS, clock)
    return Node(RedisOnlineUsers(connection, quota), quota)


@pytest.fixture
async def node(closed_node: Node) -> AsyncIterator[Node]:
    """A node without connected users."""
    quota = closed_node.quota
    if isinstance(quota, RedisSocketQuota):
        await quota.on_module_init()
    yield closed_node
    if isinstance(quota, RedisSocketQuota):
        await quota.before_application_shutdown(None)


async def test_settle_returns_each_change_once(node: Node) -> None:
    """The second call after a change ends the publication."""
    await node.quota.acquire(ALICE)
    came = [await node.online_users.settle([ALICE, BOB]) for _ in range(3)]
    node.quota.release(ALICE)
    left = [await node.online_users.settle([ALICE, BOB]) for _ in range(3)]

    assert [{ALICE: True}, {}, {}] == came
    assert [{ALICE: False}, {}, {}] == left


async def test_settle_returns_nothing_when_the_user_keeps_a_socket(node: Node) -> None:
    await node.quota.acquire(ALICE)
    await node.online_users.settle([ALICE])

    await node.quota.acquire(ALICE)
    node.quota.release(ALICE)

    assert {} == await node.online_users.settle([ALICE])


async def test_settle_returns_the_last_state_when_it_changed_during_the_publication(
    node: Node,
) -> None:
    """A user who leaves while the arrival is published is offline in the end."""
    await node.quota.acquire(ALICE)
    await node.online_users.settle([ALICE])
    node.quota.release(ALICE)

    changes = [await node.online_users.settle([ALICE]) for _ in range(2)]

    assert [{ALICE: False}, {}] == changes


async def test_settle_returns_unchanged_users_when_again_is_true(node: Node) -> None:
    """Clients may have missed the last change, or all nodes may have lost their data."""
    await node.quota.acquire(ALICE)
    for _ in range(2):
        await node.online_users.settle([ALICE])

    changes = await node.online_users.settle([ALICE, BOB], again=True)

    assert {ALICE: True, BOB: False} == changes
    assert {ALICE} == await node.online_users.among([ALICE, BOB])
    assert {} == await node.online_users.settle([ALICE, BOB])


async def test_settle_returns_nothing_when_no_user_is_given(node: Node) -> None:
    assert {} == await node.online_users.settle([])


async def test_among_returns_the_users_whose_presence_was_settled(node: Node) -> None:
    """A user is online as soon as `settle` has returned the change."""
    for user_id in (ALICE, ODD):
        await node.quota.acquire(user_id)
    before = await node.online_users.among([ALICE, BOB, ODD])
    await node.online_users.settle([ALICE, BOB, ODD])

    assert frozenset() == before
    assert {ALICE, ODD} == await node.online_users.among([ALICE, BOB, ODD])
    assert {ALICE} == await node.online_users.among([ALICE])
    assert frozenset() == await node.online_users.among([])


async def test_among_returns_all_when_there_are_many(node: Node) -> None:
    users = [UserId(f"user_{number}") for number in range(2_500)]
    for user_id in users[::2]:
        await node.quota.acquire(user_id)
    for start in range(0, len(users), 256):
        await node.online_users.settle(users[start : start + 256])

    assert set(users[::2]) == await node.online_users.among(users)


async def test_listener_is_called_when_the_last_socket_is_released(node: Node) -> None:
    left: list[UserId] = []
    node.online_users.listen(left.append, lambda _: None)
    for _ in range(2):
        await node.quota.acquire(ALICE)

    node.quota.release(ALICE)
    before = list(left)
    node.quota.release(ALICE)

    assert ([], [ALICE]) == (before, left)


async def test_nobody_is_abandoned_when_no_node_has_stopped(node: Node) -> None:
    await node.quota.acquire(ALICE)
    await node.online_users.settle([ALICE])

    batches = [each for _ in range(3) async for each in node.online_users.abandoned()]

    assert [] == batches

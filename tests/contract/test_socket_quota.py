import asyncio

from app.domain.ids import UserId
from app.ports import SocketQuota
from tests.contract.conftest import MAX_SOCKETS

ALICE, BOB = UserId("user_alice"), UserId("user_bob")


async def test_take_succeeds_until_the_user_has_the_maximum(socket_quota: SocketQuota) -> None:
    taken = [await socket_quota.acquire(ALICE) for _ in range(MAX_SOCKETS + 2)]

    assert [True] * MAX_SOCKETS + [False, False] == taken


async def test_take_succeeds_when_only_another_user_has_the_maximum(
    socket_quota: SocketQuota,
) -> None:
    for _ in range(MAX_SOCKETS):
        await socket_quota.acquire(ALICE)

    assert await socket_quota.acquire(BOB)


async def test_take_succeeds_once_when_one_was_released(socket_quota: SocketQuota) -> None:
    """After a release, the same node can acquire a socket again immediately."""
    for _ in range(MAX_SOCKETS):
        await socket_quota.acquire(ALICE)

    socket_quota.release(ALICE)

    assert [True, False] == [await socket_quota.acquire(ALICE) for _ in range(2)]


async def test_take_gives_all_again_when_all_were_released(socket_quota: SocketQuota) -> None:
    """Refused sockets are not counted."""
    for _ in range(MAX_SOCKETS + 5):
        await socket_quota.acquire(ALICE)
    for _ in range(MAX_SOCKETS):
        socket_quota.release(ALICE)

    taken = [await socket_quota.acquire(ALICE) for _ in range(MAX_SOCKETS + 1)]

    assert [True] * MAX_SOCKETS + [False] == taken


async def test_take_gives_the_maximum_when_many_ask_at_once(socket_quota: SocketQuota) -> None:
    taken = await asyncio.gather(*(socket_quota.acquire(ALICE) for _ in range(3 * MAX_SOCKETS)))

    assert MAX_SOCKETS == sum(taken)

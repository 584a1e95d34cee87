import asyncio
import logging
from math import inf

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.domain.channel import MembershipEvent, MembershipUpdate
from app.domain.errors import Unavailable
from app.domain.ids import ChannelId, UserId
from app.services.channels.member_cache import MAX_CHANNELS, REFRESH_SECONDS, MemberCache
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.people import ALICE, BOB, CAROL, DAVE, GENERAL, RANDOM
from tests.unit.services.slow_channels import SlowChannels

NOWHERE = ChannelId("nowhere")

Read = list[tuple[ChannelId, set[UserId]]]


@pytest.fixture
def channels(store: MemoryStore) -> SlowChannels:
    """Storage whose answers a test can delay."""
    return SlowChannels(store)


@pytest.fixture
def read() -> Read:
    """Return the loaded channels with their members, in order."""
    return []


@pytest.fixture
def cache(channels: SlowChannels, clock: ManualClock, read: Read) -> MemberCache:
    return MemberCache(
        channels,
        clock,
        lambda channel_id, members: read.append((channel_id, set(members))),
    )


async def load_of(cache: MemberCache, *channel_ids: ChannelId) -> asyncio.Task[None]:
    """Start a load, and return when it has begun."""
    task = asyncio.create_task(cache.load(channel_ids))
    await asyncio.sleep(0)
    return task


async def test_members_are_loaded_again_when_they_are_old(
    cache: MemberCache, channels: SlowChannels, clock: ManualClock, store: MemoryStore
) -> None:
    """Fresh members are not loaded again."""
    await cache.load([GENERAL])
    store.leave(GENERAL, BOB)

    clock.advance(REFRESH_SECONDS - 0.1)
    await cache.load([GENERAL])
    queries_when_fresh = channels.queries
    clock.advance(0.1)
    await cache.load([GENERAL])

    assert (1, 2) == (queries_when_fresh, channels.queries)


async def test_age_counts_from_the_query_when_the_answer_takes_long(
    cache: MemberCache, channels: SlowChannels, clock: ManualClock
) -> None:
    """The answer of a slow query may be as old as the start of the query."""
    channels.hold()
    loading = await load_of(cache, GENERAL)

    clock.advance(REFRESH_SECONDS)
    channels.may_answer.set()
    await loading

    assert not cache.is_fresh(GENERAL)


async def test_one_query_is_sent_when_several_channels_are_old(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """The query omits channels that are fresh, and includes channels without members."""
    await cache.load([RANDOM])

    await cache.load([NOWHERE, RANDOM, GENERAL, GENERAL])

    expected = [
        (RANDOM, {ALICE, BOB}),
        (GENERAL, {ALICE, BOB, CAROL}),
        (NOWHERE, set()),
    ]
    assert (2, expected) == (channels.queries, read)


async def test_loads_are_shared_when_some_of_the_channels_are_being_loaded(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """The second query asks only for channels that no running query loads."""
    channels.hold()
    first = await load_of(cache, GENERAL)

    others = [await load_of(cache, GENERAL, RANDOM) for _ in range(2)]
    answered_early = [each.done() for each in (first, *others)]
    channels.may_answer.set()
    async with asyncio.timeout(ANSWER_SECONDS):
        await asyncio.gather(first, *others)

    assert ([False] * 3, 2) == (answered_early, channels.queries)
    assert [GENERAL, RANDOM] == sorted(channel_id for channel_id, _ in read)


async def test_load_goes_on_when_its_first_caller_is_cancelled(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """The load continues, because another caller waits for it."""
    channels.hold()
    first = await load_of(cache, GENERAL)
    other = await load_of(cache, GENERAL)

    first.cancel()
    await asyncio.wait([first])
    answered_early = other.done()
    channels.may_answer.set()
    async with asyncio.timeout(ANSWER_SECONDS):
        await other

    assert (True, False) == (first.cancelled(), answered_early)
    assert (1, [(GENERAL, {ALICE, BOB, CAROL})]) == (channels.queries, read)


async def test_load_is_unavailable_when_storage_does_not_answer(
    cache: MemberCache,
    channels: SlowChannels,
    read: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A failed load leaves nothing in the cache, so the next caller starts a new load."""
    channels.is_down = True

    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable):
        await cache.load([GENERAL, RANDOM])
    fresh_while_down = cache.is_fresh(GENERAL)
    channels.is_down = False
    await cache.load([GENERAL])

    assert (False, True) == (fresh_while_down, cache.is_fresh(GENERAL))
    assert [(GENERAL, {ALICE, BOB, CAROL})] == read
    assert ["members of channels cannot be read; their rooms stay as they are"] == caplog.messages


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ([(MembershipEvent.LEFT, BOB)], {ALICE, CAROL}),
        ([(MembershipEvent.JOINED, DAVE)], {ALICE, BOB, CAROL, DAVE}),
        ([(MembershipEvent.LEFT, BOB), (MembershipEvent.JOINED, BOB)], {ALICE, BOB, CAROL}),
        ([(MembershipEvent.DELETED, ALICE), (MembershipEvent.JOINED, DAVE)], {DAVE}),
    ],
    ids=["removed", "added", "back again", "created again"],
)
async def test_updates_are_applied_when_they_arrive_during_a_load(
    cache: MemberCache,
    channels: SlowChannels,
    read: Read,
    updates: list[tuple[MembershipEvent, UserId]],
    expected: set[UserId],
) -> None:
    """The updates are applied to the result, because the query may be older.

    Updates of other channels change nothing.
    """
    channels.hold()
    loading = await load_of(cache, GENERAL)

    cache.apply(MembershipUpdate(MembershipEvent.DELETED, RANDOM, frozenset()))
    for event, user_id in updates:
        cache.apply(MembershipUpdate(event, GENERAL, frozenset({user_id})))
    channels.may_answer.set()
    await loading

    assert [(GENERAL, expected)] == read


async def test_oldest_entry_is_deleted_when_too_many_channels_were_loaded(
    cache: MemberCache,
) -> None:
    await cache.load([GENERAL])
    await cache.load([RANDOM])

    await cache.load([ChannelId(f"channel-{number}") for number in range(MAX_CHANNELS - 1)])

    assert (False, True) == (cache.is_fresh(GENERAL), cache.is_fresh(RANDOM))


async def test_load_is_cancelled_when_the_cache_is_closed(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """The waiting caller gets an error, and so publishes nothing."""
    channels.hold()
    waiting = await load_of(cache, GENERAL)

    await cache.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [] == read


async def test_closing_is_harmless_when_nothing_is_being_loaded(cache: MemberCache) -> None:
    """There are only finished loads, so closing has nothing to wait for."""
    await cache.load([GENERAL])

    await cache.close()

    assert ({}, {}) == (cache._loads, cache._updates)


async def test_no_task_is_left_when_the_cache_is_closed(cache: MemberCache) -> None:
    """`EagerTasks` keeps a spare task after a load. Closing the cache cancels this task."""
    await cache.load([GENERAL])
    before = asyncio.all_tasks()

    await cache.close()
    await asyncio.wait(before - {asyncio.current_task()}, timeout=ANSWER_SECONDS)

    assert 2 == len(before)
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_each_channel_is_fresh_for_its_own_time_when_they_are_loaded_together(
    cache: MemberCache, clock: ManualClock
) -> None:
    """A channel that was fresh is not loaded with the others, so it expires earlier."""
    unknown = cache.fresh_until(GENERAL)
    await cache.load([GENERAL])
    began = clock.monotonic()
    clock.advance(1)

    await cache.load([GENERAL, RANDOM])

    assert (-inf, began + REFRESH_SECONDS) == (unknown, cache.fresh_until(GENERAL))
    assert began + 1 + REFRESH_SECONDS == cache.fresh_until(RANDOM)


@pytest.mark.parametrize("event", [MembershipEvent.JOINED, MembershipEvent.LEFT])
async def test_change_by_another_program_is_announced_when_the_previous_update_changed_nothing(
    store: MemoryStore, clock: ManualClock, event: MembershipEvent
) -> None:
    """A backend may add a user who is already a member, or remove a user who is not."""
    nodes = [MemberCache(MemoryChannelRepository(store), clock, _ignore) for _ in range(2)]
    nodes[0].announce, nodes[1].announce = nodes[1].compare, nodes[0].compare
    was_member = event is MembershipEvent.JOINED
    if not was_member:
        store.leave(GENERAL, BOB)
    for node in nodes:
        await node.load([GENERAL])
    for node in nodes:
        node.apply(MembershipUpdate(event, GENERAL, frozenset({BOB})))

    (store.leave if was_member else store.join)(GENERAL, BOB)
    clock.advance(REFRESH_SECONDS)
    await nodes[0].load([GENERAL])

    assert not nodes[1].is_current(GENERAL)


def _ignore(channel_id: ChannelId, members: frozenset[UserId]) -> None:
    del channel_id, members

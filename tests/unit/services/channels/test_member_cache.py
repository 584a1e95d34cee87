import asyncio
import logging

import pytest

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
    """Who belongs where; a test may hold the answers back."""
    return SlowChannels(store)


@pytest.fixture
def read() -> Read:
    """What was read, in order."""
    return []


@pytest.fixture
def cache(channels: SlowChannels, clock: ManualClock, read: Read) -> MemberCache:
    """Under test."""
    return MemberCache(
        channels,
        clock,
        lambda channel_id, members: read.append((channel_id, set(members))),
    )


async def asking(cache: MemberCache, *channel_ids: ChannelId) -> asyncio.Task[None]:
    """Somebody who has asked by now."""
    task = asyncio.create_task(cache.load(channel_ids))
    await asyncio.sleep(0)
    return task


async def test_members_are_read_again_when_they_are_old(
    cache: MemberCache, channels: SlowChannels, clock: ManualClock, store: MemoryStore
) -> None:
    """Not as long as they were just read."""
    await cache.load([GENERAL])
    store.leave(GENERAL, BOB)

    clock.advance(REFRESH_SECONDS - 0.1)
    await cache.load([GENERAL])
    questions_when_fresh = channels.questions
    clock.advance(0.1)
    await cache.load([GENERAL])

    assert (1, 2) == (questions_when_fresh, channels.questions)
    assert 2 == cache.size(GENERAL)


async def test_age_counts_from_the_question_when_the_answer_takes_long(
    cache: MemberCache, channels: SlowChannels, clock: ManualClock
) -> None:
    """What is read may be as old as that."""
    channels.hold()
    reading = await asking(cache, GENERAL)

    clock.advance(REFRESH_SECONDS)
    channels.may_answer.set()
    await reading

    assert not cache.is_fresh(GENERAL)


async def test_one_question_is_asked_when_several_channels_are_old(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """What is fresh is not asked for; who belongs nowhere is read, too."""
    await cache.load([RANDOM])

    await cache.load([NOWHERE, RANDOM, GENERAL, GENERAL])

    expected = [
        (RANDOM, {ALICE, BOB}),
        (GENERAL, {ALICE, BOB, CAROL}),
        (NOWHERE, set()),
    ]
    assert (2, expected) == (channels.questions, read)


async def test_cache_are_shared_when_some_of_the_channels_are_being_read(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """Only what nobody has asked for is asked for, and all of it is waited for."""
    channels.hold()
    first = await asking(cache, GENERAL)

    others = [await asking(cache, GENERAL, RANDOM) for _ in range(2)]
    answered_early = [each.done() for each in (first, *others)]
    channels.may_answer.set()
    async with asyncio.timeout(ANSWER_SECONDS):
        await asyncio.gather(first, *others)

    assert ([False] * 3, 2) == (answered_early, channels.questions)
    assert [GENERAL, RANDOM] == sorted(channel_id for channel_id, _ in read)


async def test_reading_goes_on_when_whoever_began_it_is_cancelled(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """The others wait for it all the same."""
    channels.hold()
    beginner = await asking(cache, GENERAL)
    other = await asking(cache, GENERAL)

    beginner.cancel()
    await asyncio.wait([beginner])
    answered_early = other.done()
    channels.may_answer.set()
    async with asyncio.timeout(ANSWER_SECONDS):
        await other

    assert (True, False) == (beginner.cancelled(), answered_early)
    assert (1, [(GENERAL, {ALICE, BOB, CAROL})]) == (channels.questions, read)


async def test_reading_is_unavailable_when_storage_does_not_answer(
    cache: MemberCache,
    channels: SlowChannels,
    read: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is read, and the next to ask asks anew."""
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
    ("news", "expected"),
    [
        ([(MembershipEvent.LEFT, BOB)], {ALICE, CAROL}),
        ([(MembershipEvent.JOINED, DAVE)], {ALICE, BOB, CAROL, DAVE}),
        ([(MembershipEvent.LEFT, BOB), (MembershipEvent.JOINED, BOB)], {ALICE, BOB, CAROL}),
        ([(MembershipEvent.DELETED, ALICE), (MembershipEvent.JOINED, DAVE)], {DAVE}),
    ],
    ids=["removed", "added", "back again", "created anew"],
)
async def test_news_count_when_they_come_during_a_reading(
    cache: MemberCache,
    channels: SlowChannels,
    read: Read,
    news: list[tuple[MembershipEvent, UserId]],
    expected: set[UserId],
) -> None:
    """What is read may be older; another channel's news do not matter."""
    channels.hold()
    reading = await asking(cache, GENERAL)

    cache.apply(MembershipUpdate(MembershipEvent.DELETED, RANDOM, frozenset()))
    for event, user_id in news:
        cache.apply(MembershipUpdate(event, GENERAL, frozenset({user_id})))
    channels.may_answer.set()
    await reading

    assert [(GENERAL, expected)] == read


async def test_size_is_that_of_the_last_reading_when_it_is_old(
    cache: MemberCache, clock: ManualClock
) -> None:
    """At least 1, so that it can be divided by."""
    unknown = cache.size(GENERAL)
    await cache.load([GENERAL, NOWHERE])
    clock.advance(10 * REFRESH_SECONDS)

    assert (1, 3, 1) == (unknown, cache.size(GENERAL), cache.size(NOWHERE))


async def test_oldest_is_forgotten_when_too_many_channels_were_read(
    cache: MemberCache,
) -> None:
    """Memory stays flat, however many channels there are."""
    await cache.load([GENERAL])
    await cache.load([RANDOM])

    await cache.load([ChannelId(f"channel-{number}") for number in range(MAX_CHANNELS - 1)])

    assert (False, True) == (cache.is_fresh(GENERAL), cache.is_fresh(RANDOM))


async def test_reading_is_cancelled_when_it_is_closed(
    cache: MemberCache, channels: SlowChannels, read: Read
) -> None:
    """Whoever waits for it must not tell anybody anything."""
    channels.hold()
    waiting = await asking(cache, GENERAL)

    await cache.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [] == read


async def test_closing_is_harmless_when_nothing_is_being_read(cache: MemberCache) -> None:
    """There is nothing to wait for, and nothing is kept of a reading that has ended."""
    await cache.load([GENERAL])

    await cache.close()

    assert ({}, {}) == (cache._loads, cache._updates)

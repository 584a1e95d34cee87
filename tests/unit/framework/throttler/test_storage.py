import pytest

from app.framework.testing import ManualClock
from app.framework.throttler import ThrottlerOptions, ThrottlerStorage

LIMIT = ThrottlerOptions(ttl=1_000, limit=2)
UNBLOCKED = ThrottlerOptions(ttl=1_000, limit=2, block_duration=0)


async def test_first_call_beyond_the_limit_starts_a_block() -> None:
    """Refused calls do not prolong the block. After the block, no earlier call counts."""
    clock = ManualClock()
    storage = ThrottlerStorage(clock)

    assert [0.0, 0.0, 1.0] == [storage.take(LIMIT, "scope-", "key") for _ in range(3)]
    await clock.advance(0.75)
    assert [0.25, 0.25] == [storage.take(LIMIT, "scope-", "key") for _ in range(2)]
    assert 0.0 == storage.take(LIMIT, "scope-", "other")
    await clock.advance(0.25)
    assert [0.0, 0.0, 1.0] == [storage.take(LIMIT, "scope-", "key") for _ in range(3)]


async def test_each_call_counts_for_its_own_time() -> None:
    clock = ManualClock()
    storage = ThrottlerStorage(clock)

    storage.take(LIMIT, "scope-", "key")
    await clock.advance(0.75)
    storage.take(LIMIT, "scope-", "key")
    await clock.advance(0.25)

    assert [0.0, 1.0] == [storage.take(LIMIT, "scope-", "key") for _ in range(2)]


async def test_block_lasts_as_long_as_its_option_says() -> None:
    clock = ManualClock()
    storage = ThrottlerStorage(clock)
    options = ThrottlerOptions(ttl=1_000, limit=1, block_duration=10_000)

    assert [0.0, 10.0] == [storage.take(options, "scope-", "key") for _ in range(2)]
    await clock.advance(5)
    assert 5.0 == storage.take(options, "scope-", "key")


async def test_call_is_allowed_when_an_earlier_one_no_longer_counts_and_there_is_no_block() -> None:
    clock = ManualClock()
    storage = ThrottlerStorage(clock)

    storage.take(UNBLOCKED, "scope-", "key")
    await clock.advance(0.5)
    assert [0.0, 0.5] == [storage.take(UNBLOCKED, "scope-", "key") for _ in range(2)]
    await clock.advance(0.5)
    assert 0.0 == storage.take(UNBLOCKED, "scope-", "key")


def test_call_may_count_as_several() -> None:
    storage = ThrottlerStorage(ManualClock())

    assert 1.0 == storage.take(UNBLOCKED, "scope-", "key", 3)
    assert 0.0 == storage.take(UNBLOCKED, "scope-", "key", 2)
    assert 1.0 == storage.take(UNBLOCKED, "scope-", "key")


def test_no_call_is_allowed_when_the_limit_is_zero() -> None:
    storage = ThrottlerStorage(ManualClock())

    assert 1.0 == storage.take(ThrottlerOptions(ttl=1_000, limit=0), "scope-", "key")
    assert 1.0 == storage.take(
        ThrottlerOptions(ttl=1_000, limit=0, block_duration=0), "scope-", "other"
    )


@pytest.mark.parametrize("options", [LIMIT, UNBLOCKED])
def test_least_recently_used_keys_are_forgotten_when_there_are_too_many_calls(
    options: ThrottlerOptions,
) -> None:
    storage = ThrottlerStorage(ManualClock(), max_calls=10)
    for _ in range(2):
        storage.take(options, "scope-", "first")

    for number in range(4):
        storage.take(options, "scope-", f"key {number}")

    assert 0.0 == storage.take(options, "scope-", "first")
    assert 0.0 == storage.take(options, "scope-", "key 3")
    assert 1.0 == storage.take(options, "scope-", "key 3")

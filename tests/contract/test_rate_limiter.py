import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.token_bucket_limiter import TokenBucketLimiter
from app.ports import RateLimiter

RATE_PER_SECOND = 20.0
BURST = 3


@pytest.fixture(params=["memory"])
def limiter(clock: ManualClock) -> RateLimiter:
    """A limiter of which nobody has taken."""
    return TokenBucketLimiter(RATE_PER_SECOND, BURST, clock)


async def test_take_gives_the_burst_when_the_bucket_is_full(limiter: RateLimiter) -> None:
    """As many as fit in the bucket are there at once, and then none."""
    waits = [await limiter.take("alice") for _ in range(BURST + 1)]

    assert [0.0, 0.0, 0.0, pytest.approx(0.05)] == waits


async def test_take_succeeds_when_the_time_it_named_is_over(
    limiter: RateLimiter, clock: ManualClock
) -> None:
    """Who waits as told gets one, and only one."""
    for _ in range(BURST):
        await limiter.take("alice")

    for _ in range(100):
        clock.advance(await limiter.take("alice"))
        assert 0.0 == await limiter.take("alice")

    assert 0.0 < await limiter.take("alice")


async def test_take_takes_nothing_when_it_is_refused(
    limiter: RateLimiter, clock: ManualClock
) -> None:
    """Being refused often makes nobody wait longer."""
    for _ in range(BURST + 50):
        await limiter.take("alice")

    clock.advance(0.05)

    assert 0.0 == await limiter.take("alice")


async def test_take_is_counted_by_key_when_another_has_taken_all(limiter: RateLimiter) -> None:
    """Nobody pays for another."""
    for _ in range(BURST):
        await limiter.take("alice")

    assert 0.0 == await limiter.take("bob")


async def test_take_gives_no_more_than_the_burst_when_the_key_was_quiet_for_long(
    limiter: RateLimiter, clock: ManualClock
) -> None:
    """A bucket does not overflow."""
    await limiter.take("alice")
    clock.advance(3_600)

    waits = [await limiter.take("alice") for _ in range(BURST + 1)]

    assert [0.0, 0.0, 0.0, pytest.approx(0.05)] == waits


async def test_peek_takes_nothing_when_asked_often(limiter: RateLimiter) -> None:
    """Looking is free, and tells what taking would."""
    peeks = [await limiter.peek("alice") for _ in range(10)]
    takes = [await limiter.take("alice") for _ in range(BURST)]

    assert [0.0] * 10 == peeks
    assert [0.0] * BURST == takes
    assert pytest.approx(0.05) == await limiter.peek("alice")


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["alice", "bob"])), max_size=60),
)
async def test_take_never_gives_more_than_burst_and_rate_allow_however_it_is_asked(
    steps: list[tuple[float, str]],
) -> None:
    """Over any beginning of time: granted <= burst + rate * seconds."""
    clock = ManualClock()
    limiter = TokenBucketLimiter(RATE_PER_SECOND, BURST, clock)
    granted = {"alice": 0, "bob": 0}

    for seconds, key in steps:
        clock.advance(seconds)
        granted[key] += await limiter.take(key) == 0.0

        assert granted[key] <= BURST + RATE_PER_SECOND * clock.monotonic() + 1e-6

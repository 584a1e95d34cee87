"""Tests of `MemoryAttemptLimiter` in app/adapters/memory/limits.py."""

import pytest

from app.adapters.memory.limits import MAX_ADDRESSES, MemoryAttemptLimiter, TokenBuckets
from app.domain.errors import AuthenticationCode
from app.ports import COUNTED_SECONDS
from tests.doubles.manual_clock import ManualClock

REASON = AuthenticationCode.TOKEN_MALFORMED


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when a test advances it."""
    return ManualClock()


@pytest.fixture
def limiter(clock: ManualClock) -> MemoryAttemptLimiter:
    """A limiter that allows one attempt and one failure per second."""
    return MemoryAttemptLimiter(TokenBuckets(1, 1, clock), TokenBuckets(1, 1, clock), clock)


async def test_failed_forgets_the_oldest_hour_when_there_are_too_many_addresses(
    limiter: MemoryAttemptLimiter, clock: ManualClock
) -> None:
    """When the limiter is full, it removes the address whose counted hour began first."""
    await limiter.failed("returning", REASON)
    await limiter.failed("oldest", REASON)
    clock.advance(COUNTED_SECONDS)
    await limiter.failed("returning", REASON)

    for number in range(MAX_ADDRESSES - 1):
        await limiter.failed(str(number), REASON)

    assert MAX_ADDRESSES == len(limiter._hours)
    assert 2 == await limiter.failed("returning", REASON)

from app.adapters.memory import token_bucket_limiter
from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.token_bucket_limiter import TokenBucketLimiter

BURST = 5


async def test_full_buckets_are_forgotten_when_anybody_takes() -> None:
    """What has been quiet long enough to be full takes no memory."""
    clock = ManualClock()
    limiter = TokenBucketLimiter(rate_per_second=1, burst=BURST, clock=clock)
    for number in range(1_000):
        await limiter.take(f"key-{number}")
    clock.advance(1)

    await limiter.take("another")

    assert ["another"] == list(limiter._full_at)


async def test_a_bucket_is_kept_when_it_is_not_full_yet() -> None:
    """Forgetting gives nobody a token that is not due."""
    clock = ManualClock()
    limiter = TokenBucketLimiter(rate_per_second=1, burst=BURST, clock=clock)
    for _ in range(BURST):
        await limiter.take("alice")
    clock.advance(BURST - 2)
    await limiter.take("another")

    waits = [await limiter.take("alice") for _ in range(BURST - 1)]

    assert [0.0, 0.0, 0.0, 1.0] == waits


async def test_the_quietest_key_is_forgotten_when_there_are_too_many() -> None:
    """Memory is bounded, whoever makes up keys; who took lately is still counted."""
    limiter = TokenBucketLimiter(rate_per_second=0.001, burst=1, clock=ManualClock())
    await limiter.take("quiet")
    for number in range(token_bucket_limiter.MAX_KEYS):
        await limiter.take(f"key-{number}")

    assert token_bucket_limiter.MAX_KEYS == len(limiter._full_at)
    assert 0.0 == await limiter.peek("quiet")
    assert 0.0 < await limiter.peek("key-0")

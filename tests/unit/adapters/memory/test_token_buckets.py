"""Tests of `TokenBuckets` in app/adapters/memory/limits.py."""

from app.adapters.memory import limits
from app.adapters.memory.limits import TokenBuckets
from tests.doubles.manual_clock import ManualClock

BURST = 5


def test_full_buckets_are_forgotten_when_anybody_takes() -> None:
    """A bucket is deleted after twice the time that it needs to fill."""
    clock = ManualClock()
    buckets = TokenBuckets(rate_per_second=1, burst=BURST, clock=clock)
    for number in range(1_000):
        buckets.take(f"key-{number}")

    for _ in range(2):
        clock.advance(BURST)
        buckets.take("another")

    assert {"another"} == {*buckets._older, *buckets._recent}


def test_a_bucket_is_kept_when_it_is_not_full_yet() -> None:
    """A bucket is kept until it is full, because deleting it earlier would grant more tokens."""
    clock = ManualClock()
    buckets = TokenBuckets(rate_per_second=1, burst=BURST, clock=clock)
    clock.advance(BURST - 1)
    for _ in range(BURST):
        buckets.take("alice")
    clock.advance(BURST - 2)
    buckets.take("another")

    waits = [buckets.take("alice") for _ in range(BURST - 1)]

    assert [0.0, 0.0, 0.0, 1.0] == waits


def test_the_quietest_keys_are_forgotten_when_there_are_too_many() -> None:
    """The buckets of the least recently used keys are deleted."""
    buckets = TokenBuckets(rate_per_second=0.001, burst=1, clock=ManualClock())
    buckets.take("quiet")
    for number in range(limits.MAX_KEYS):
        buckets.take(f"key-{number}")

    assert len(buckets._recent) + len(buckets._older) <= limits.MAX_KEYS
    assert 0.0 == buckets.peek("quiet")
    assert 0.0 < buckets.peek(f"key-{limits.MAX_KEYS // 2}")

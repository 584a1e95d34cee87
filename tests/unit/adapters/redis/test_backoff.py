import pytest

from app.adapters.redis.backoff import FIRST_SECONDS, MOST_SECONDS, STEADY_SECONDS, Backoff
from tests.doubles.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still."""
    return ManualClock()


def test_waits_double_up_to_the_most_when_nothing_succeeds(clock: ManualClock) -> None:
    """The first try is at once; every wait is at least half of the longest it may be."""
    backoff = Backoff(clock)

    waits = [backoff.next_seconds() for _ in range(1_000)]

    assert 0.0 == waits[0]
    for tries, wait in enumerate(waits[1:12]):
        longest = min(MOST_SECONDS, FIRST_SECONDS * 2**tries)
        assert longest / 2 <= wait <= longest
    assert MOST_SECONDS >= max(waits)


def test_waits_differ_when_nodes_fail_together(clock: ManualClock) -> None:
    """There is jitter."""
    waits = set()
    for _ in range(10):
        backoff = Backoff(clock)
        backoff.next_seconds()
        waits.add(backoff.next_seconds())

    assert 1 < len(waits)


@pytest.mark.parametrize(
    ("worked_seconds", "is_anew"), [(STEADY_SECONDS, True), (STEADY_SECONDS - 0.1, False)]
)
def test_waits_begin_anew_only_when_it_worked_for_long(
    clock: ManualClock, worked_seconds: float, *, is_anew: bool
) -> None:
    """What works for a moment again and again is not tried without a pause."""
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.next_seconds()

    backoff.succeeded()
    clock.advance(worked_seconds)

    assert is_anew is (backoff.next_seconds() == 0.0)


def test_waits_go_on_when_what_worked_long_ago_has_failed_since(clock: ManualClock) -> None:
    """Only the time until the failure counts."""
    backoff = Backoff(clock)
    backoff.succeeded()
    clock.advance(STEADY_SECONDS)
    backoff.next_seconds()

    clock.advance(STEADY_SECONDS)

    assert 0.0 < backoff.next_seconds()

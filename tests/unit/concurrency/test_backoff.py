import pytest

from app.concurrency.backoff import FIRST_SECONDS, MAX_SECONDS, STEADY_FACTOR, Backoff
from tests.doubles.manual_clock import ManualClock

STEADY_SECONDS = STEADY_FACTOR * MAX_SECONDS


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when a test advances it."""
    return ManualClock()


def test_waits_double_up_to_the_most_when_nothing_succeeds(clock: ManualClock) -> None:
    """The first attempt is made without a pause.

    Each later pause is up to twice as long as the one before, with a random reduction of at most
    half.
    """
    backoff = Backoff(clock.monotonic)

    waits = [backoff.next_seconds() for _ in range(2_000)]

    assert 0.0 == waits[0]
    for failures, wait in enumerate(waits[1:12]):
        longest = min(MAX_SECONDS, FIRST_SECONDS * 2**failures)
        assert longest / 2 <= wait <= longest
    assert MAX_SECONDS >= max(waits)


def test_waits_differ_when_nodes_fail_together(clock: ManualClock) -> None:
    waits = set()
    for _ in range(10):
        backoff = Backoff(clock.monotonic)
        backoff.next_seconds()
        waits.add(backoff.next_seconds())

    assert 1 < len(waits)


@pytest.mark.parametrize(
    ("worked_seconds", "is_reset"), [(STEADY_SECONDS, True), (STEADY_SECONDS - 0.1, False)]
)
def test_waits_start_again_only_when_it_worked_for_long(
    clock: ManualClock, worked_seconds: float, *, is_reset: bool
) -> None:
    """A service that fails again soon after each success still gets a pause."""
    backoff = Backoff(clock.monotonic)
    for _ in range(5):
        backoff.next_seconds()

    backoff.succeeded()
    clock.advance(worked_seconds)

    assert is_reset is (backoff.next_seconds() == 0.0)


def test_waits_go_on_when_what_worked_long_ago_has_failed_since(clock: ManualClock) -> None:
    """The time since the last failure does not count as time during which the service worked."""
    backoff = Backoff(clock.monotonic)
    backoff.succeeded()
    clock.advance(STEADY_SECONDS)
    backoff.next_seconds()

    clock.advance(STEADY_SECONDS)

    assert 0.0 < backoff.next_seconds()


def test_waits_have_the_callers_bounds_when_bounds_are_given(clock: ManualClock) -> None:
    """The supervisor of worker processes waits longer than a connection to Redis."""
    backoff = Backoff(clock.monotonic, first_seconds=1.0, max_seconds=30.0)

    waits = [backoff.next_seconds() for _ in range(20)]
    backoff.succeeded()
    clock.advance(30.0 * STEADY_FACTOR)

    assert 0.5 <= waits[1] <= 1.0
    assert 15.0 <= waits[-1] <= 30.0
    assert 0.0 == backoff.next_seconds()

from datetime import UTC, datetime, timedelta
from functools import partial

from tests.doubles.manual_clock import ManualClock

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_time_stands_still_when_nobody_advances() -> None:
    clock = ManualClock(START)

    assert (START, START) == (clock.now(), clock.now())
    assert clock.monotonic() == clock.monotonic()


def test_advance_moves_both_clocks_when_it_is_called() -> None:
    """The wall clock is truncated to milliseconds, but the monotonic clock is not."""
    clock = ManualClock(START)

    clock.advance(1.5004)

    assert START + timedelta(milliseconds=1_500) == clock.now()
    assert 1.5004 == clock.monotonic()


def test_jump_moves_the_wall_clock_alone_when_it_is_called() -> None:
    """A jump of the wall clock runs no timer."""
    clock = ManualClock(START)
    ran: list[str] = []
    clock.call_later(1, lambda: ran.append("timer"))

    clock.jump(-3_600)

    assert (START - timedelta(hours=1), 0.0, []) == (clock.now(), clock.monotonic(), ran)


def test_timers_run_in_order_of_their_time_when_several_fall_due() -> None:
    """Each timer runs at its own time. Timers with the same time run in the order of scheduling."""
    clock = ManualClock(START)
    calls: list[tuple[str, float]] = []

    def record(name: str) -> None:
        calls.append((name, clock.monotonic()))

    for name, delay_seconds in (("late", 3.0), ("early", 1.0), ("late too", 3.0), ("after", 5.0)):
        clock.call_later(delay_seconds, partial(record, name))

    clock.advance(4)

    assert [("early", 1.0), ("late", 3.0), ("late too", 3.0)] == calls
    assert 4.0 == clock.monotonic()


def test_a_timer_runs_in_the_same_advance_when_a_timer_sets_it() -> None:
    clock = ManualClock(START)
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(clock.monotonic())
        clock.call_later(1, tick)

    clock.call_later(1, tick)
    clock.advance(3)

    assert [1.0, 2.0, 3.0] == ticks


def test_a_timer_does_not_run_when_it_is_cancelled() -> None:
    """Cancelling a timer that has already run has no effect."""
    clock = ManualClock(START)
    calls: list[str] = []
    cancelled = clock.call_later(1, lambda: calls.append("cancelled"))
    kept = clock.call_later(1, lambda: calls.append("kept"))
    cancelled.cancel()

    clock.advance(2)
    kept.cancel()

    assert ["kept"] == calls

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from app.adapters.system.clock import SystemClock
from tests.deadlines import ANSWER_SECONDS


def test_now_is_utc_cut_to_the_millisecond_whenever_it_is_asked() -> None:
    before = datetime.now(UTC)

    moments = [SystemClock().now() for _ in range(100)]

    after = datetime.now(UTC)
    assert {0} == {moment.microsecond % 1_000 for moment in moments}
    assert all(before - timedelta(milliseconds=1) < moment <= after for moment in moments)
    assert all(moment.tzinfo is UTC for moment in moments)


def test_monotonic_never_goes_back_whenever_it_is_asked() -> None:
    clock = SystemClock()

    moments = [clock.monotonic() for _ in range(100)]

    assert sorted(moments) == moments


async def test_call_later_calls_once_when_the_delay_is_over() -> None:
    """The callback runs on the event loop, and not before the delay is over."""
    clock = SystemClock()
    called = asyncio.Event()
    start = clock.monotonic()

    clock.call_later(0.01, called.set)
    await asyncio.wait_for(called.wait(), timeout=ANSWER_SECONDS)

    # Event loops round the delay to the resolution of their clock.
    assert clock.monotonic() - start >= 0.009


async def test_callback_knows_nothing_of_who_set_the_timer_when_it_is_called() -> None:
    """The callback does not inherit the log context of the event that set the timer."""
    name = ContextVar("name", default="nobody")
    name.set("somebody")
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    SystemClock().call_later(0, lambda: seen.set_result(name.get()))

    assert "nobody" == await asyncio.wait_for(seen, timeout=ANSWER_SECONDS)


async def test_call_later_does_not_call_when_it_is_cancelled() -> None:
    clock = SystemClock()
    calls: list[str] = []
    done = asyncio.Event()

    timer = clock.call_later(0.001, lambda: calls.append("cancelled"))
    clock.call_later(0.002, done.set)
    timer.cancel()
    await asyncio.wait_for(done.wait(), timeout=ANSWER_SECONDS)

    assert [] == calls

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.memory.limits import TokenBuckets
from app.adapters.redis.throttle import RedisThrottle
from app.ports import Throttle
from tests.contract.conftest import CONNECTIONS, MAX_SOCKETS
from tests.contract.taking import take
from tests.doubles.manual_clock import ManualClock

RATE_PER_SECOND = 20.0
BURST = 3

LetPass = Callable[[float], None]


@pytest.fixture(params=["memory", *CONNECTIONS])
def throttle(request: pytest.FixtureRequest, clock: ManualClock) -> Throttle:
    """A throttle whose buckets are full."""
    if request.param == "memory":
        return TokenBuckets(RATE_PER_SECOND, BURST, clock)
    connection = request.getfixturevalue(CONNECTIONS[request.param])
    return RedisThrottle(connection, "events", RATE_PER_SECOND, BURST, MAX_SOCKETS, clock)


async def test_take_gives_the_burst_when_the_bucket_is_full(throttle: Throttle) -> None:
    waits = [await take(throttle, "alice") for _ in range(BURST + 1)]

    assert [0.0, 0.0, 0.0, pytest.approx(0.05)] == waits


async def test_take_succeeds_when_the_time_it_named_is_over(
    throttle: Throttle, let_pass: LetPass
) -> None:
    """After the returned time, the key's bucket contains exactly one token."""
    for _ in range(BURST + 50):
        await take(throttle, "alice")

    for _ in range(100):
        let_pass(await take(throttle, "alice"))
        assert 0.0 == await take(throttle, "alice")

    assert 0.0 < await take(throttle, "alice")


async def test_take_of_several_waits_for_all_of_them_when_some_are_missing(
    throttle: Throttle, let_pass: LetPass
) -> None:
    """A refused take does not use tokens, so a smaller take succeeds."""
    await take(throttle, "alice")

    wait_seconds = await take(throttle, "alice", BURST)

    assert pytest.approx(0.05) == wait_seconds
    let_pass(wait_seconds)
    assert 0.0 == await take(throttle, "alice", BURST)
    assert pytest.approx(0.05) == await take(throttle, "alice")


async def test_take_is_counted_by_key_when_another_has_taken_all(throttle: Throttle) -> None:
    for _ in range(BURST):
        await take(throttle, "alice")

    assert 0.0 == await take(throttle, "bob")


async def test_take_gives_no_more_than_the_burst_when_the_key_was_quiet_for_long(
    throttle: Throttle, let_pass: LetPass
) -> None:
    await take(throttle, "alice")
    let_pass(3_600)

    waits = [await take(throttle, "alice") for _ in range(BURST + 1)]

    assert [0.0, 0.0, 0.0, pytest.approx(0.05)] == waits


async def test_take_gets_the_whole_bucket_when_it_costs_more(throttle: Throttle) -> None:
    """A take that costs more than a full bucket needs exactly a full bucket."""
    waits = [await take(throttle, "alice", 10 * BURST), await take(throttle, "alice", 10 * BURST)]

    assert [0.0, pytest.approx(BURST / RATE_PER_SECOND)] == waits


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["alice", "bob"])), max_size=60),
)
def test_take_never_gives_more_than_burst_and_rate_allow_however_it_is_asked(
    steps: list[tuple[float, str]],
) -> None:
    """At any time, the tokens granted are at most burst + rate * seconds."""
    clock = ManualClock()
    throttle = TokenBuckets(RATE_PER_SECOND, BURST, clock)
    granted = {"alice": 0, "bob": 0}

    for seconds, key in steps:
        clock.advance(seconds)
        granted[key] += throttle.take(key) == 0.0

        assert granted[key] <= BURST + RATE_PER_SECOND * clock.monotonic() + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from(["alice", "bob"])), max_size=60),
)
def test_take_gives_all_that_burst_and_rate_allow_however_it_is_asked(
    steps: list[tuple[float, str]],
) -> None:
    """The throttle grants as many tokens as a bucket that is filled continuously."""
    clock = ManualClock()
    throttle = TokenBuckets(RATE_PER_SECOND, BURST, clock)
    tokens = {"alice": float(BURST), "bob": float(BURST)}

    for seconds, key in steps:
        clock.advance(seconds)
        filled = seconds * RATE_PER_SECOND
        tokens = {each: min(BURST, left + filled) for each, left in tokens.items()}
        has_one = tokens[key] > 1 - 1e-6

        assert has_one == (throttle.take(key) == 0.0)

        tokens[key] -= has_one

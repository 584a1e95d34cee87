from collections.abc import Callable

import pytest

from app.domain.errors import AuthenticationCode
from app.ports import AttemptLimiter
from tests.contract.conftest import ATTEMPTS_PER_MINUTE, FAILURES_PER_MINUTE

EXPIRED, MALFORMED = AuthenticationCode.TOKEN_EXPIRED, AuthenticationCode.TOKEN_MALFORMED
SECONDS_PER_ATTEMPT = 60 / ATTEMPTS_PER_MINUTE
SECONDS_PER_FAILURE = 60 / FAILURES_PER_MINUTE
ADDRESS, OTHER = "203.0.113.7", "2001:db8::7"
WHILE_IT_RUNS = 3.0
"""The maximum number of seconds by which a real server's clock advances during a test."""


def about(seconds: float) -> object:
    """Match a number of seconds that may be up to `WHILE_IT_RUNS` shorter than expected."""
    return pytest.approx(seconds - WHILE_IT_RUNS / 2, abs=WHILE_IT_RUNS / 2)


async def test_attempt_gives_a_minutes_worth_when_the_address_is_new(
    attempt_limiter: AttemptLimiter,
) -> None:
    waits = [await attempt_limiter.attempt(ADDRESS) for _ in range(ATTEMPTS_PER_MINUTE + 1)]

    assert [0.0] * ATTEMPTS_PER_MINUTE + [about(SECONDS_PER_ATTEMPT)] == waits


async def test_attempt_succeeds_when_the_time_it_named_is_over(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    """A client that waits for the returned time gets exactly one attempt."""
    for _ in range(ATTEMPTS_PER_MINUTE):
        await attempt_limiter.attempt(ADDRESS)

    for _ in range(20):
        let_pass(await attempt_limiter.attempt(ADDRESS))
        assert 0.0 == await attempt_limiter.attempt(ADDRESS)

    assert 0.0 < await attempt_limiter.attempt(ADDRESS)


async def test_attempt_takes_nothing_when_it_is_refused(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    """Refused attempts do not lengthen the wait."""
    for _ in range(ATTEMPTS_PER_MINUTE + 50):
        await attempt_limiter.attempt(ADDRESS)

    let_pass(SECONDS_PER_ATTEMPT)

    assert 0.0 == await attempt_limiter.attempt(ADDRESS)


async def test_attempt_is_counted_by_address_when_another_has_taken_all(
    attempt_limiter: AttemptLimiter,
) -> None:
    for _ in range(ATTEMPTS_PER_MINUTE):
        await attempt_limiter.attempt(ADDRESS)

    assert 0.0 == await attempt_limiter.attempt(OTHER)


async def test_attempt_gives_no_more_than_a_minutes_worth_when_the_address_was_quiet_for_long(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    await attempt_limiter.attempt(ADDRESS)
    let_pass(3_600)

    waits = [await attempt_limiter.attempt(ADDRESS) for _ in range(ATTEMPTS_PER_MINUTE + 1)]

    assert [0.0] * ATTEMPTS_PER_MINUTE + [about(SECONDS_PER_ATTEMPT)] == waits


async def test_attempt_is_refused_when_no_failure_is_left(attempt_limiter: AttemptLimiter) -> None:
    """The wait lasts until a failure is allowed again, even if attempts are left."""
    for _ in range(FAILURES_PER_MINUTE):
        await attempt_limiter.failed(ADDRESS, MALFORMED)

    assert about(SECONDS_PER_FAILURE) == await attempt_limiter.attempt(ADDRESS)


async def test_attempt_names_the_longer_wait_when_neither_is_left(
    attempt_limiter: AttemptLimiter,
) -> None:
    for _ in range(ATTEMPTS_PER_MINUTE):
        await attempt_limiter.attempt(ADDRESS)
    for _ in range(FAILURES_PER_MINUTE):
        await attempt_limiter.failed(ADDRESS, MALFORMED)

    assert about(SECONDS_PER_FAILURE) == await attempt_limiter.attempt(ADDRESS)


async def test_attempt_costs_no_attempt_when_failures_refuse_it(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    """Attempts that are refused because of earlier failures are not counted."""
    for _ in range(FAILURES_PER_MINUTE):
        await attempt_limiter.failed(ADDRESS, MALFORMED)
    for _ in range(ATTEMPTS_PER_MINUTE + 1):
        await attempt_limiter.attempt(ADDRESS)

    let_pass(SECONDS_PER_FAILURE)

    waits = [await attempt_limiter.attempt(ADDRESS) for _ in range(ATTEMPTS_PER_MINUTE)]
    assert [0.0] * ATTEMPTS_PER_MINUTE == waits


async def test_failed_counts_by_reason_and_address_when_there_are_several(
    attempt_limiter: AttemptLimiter,
) -> None:
    """Failures above the limit are also counted."""
    counts = [
        await attempt_limiter.failed(address, reason)
        for address, reason in [
            (ADDRESS, EXPIRED),
            (ADDRESS, EXPIRED),
            (ADDRESS, MALFORMED),
            (ADDRESS, EXPIRED),
            (OTHER, EXPIRED),
        ]
    ]

    assert [1, 2, 1, 3, 1] == counts


async def test_failed_counts_from_one_when_an_hour_is_over(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    counts = [await attempt_limiter.failed(ADDRESS, EXPIRED)]
    for seconds in (3_500, 200):
        let_pass(seconds)
        counts.append(await attempt_limiter.failed(ADDRESS, EXPIRED))

    assert [1, 2, 1] == counts


async def test_failed_takes_nothing_when_no_failure_is_left(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    """Failures above the limit do not lengthen the wait."""
    for _ in range(FAILURES_PER_MINUTE + 20):
        await attempt_limiter.failed(ADDRESS, MALFORMED)

    let_pass(SECONDS_PER_FAILURE)

    assert 0.0 == await attempt_limiter.attempt(ADDRESS)


async def test_attempts_never_end_when_each_has_succeeded(attempt_limiter: AttemptLimiter) -> None:
    """Thousands of users with the same address can all connect."""
    waits = []
    for _ in range(5 * ATTEMPTS_PER_MINUTE):
        waits.append(await attempt_limiter.attempt(ADDRESS))
        attempt_limiter.succeeded(ADDRESS)

    assert [0.0] * len(waits) == waits


async def test_succeeded_gives_one_attempt_back_when_the_address_has_taken_all(
    attempt_limiter: AttemptLimiter,
) -> None:
    for _ in range(ATTEMPTS_PER_MINUTE):
        await attempt_limiter.attempt(ADDRESS)

    attempt_limiter.succeeded(ADDRESS)

    assert 0.0 == await attempt_limiter.attempt(ADDRESS)
    assert 0.0 < await attempt_limiter.attempt(ADDRESS)


async def test_succeeded_gives_nothing_when_the_bucket_is_full(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    await attempt_limiter.attempt(ADDRESS)
    let_pass(SECONDS_PER_ATTEMPT)
    for _ in range(3):
        attempt_limiter.succeeded(ADDRESS)

    waits = [await attempt_limiter.attempt(ADDRESS) for _ in range(ATTEMPTS_PER_MINUTE + 1)]

    assert [0.0] * ATTEMPTS_PER_MINUTE + [about(SECONDS_PER_ATTEMPT)] == waits


async def test_succeeded_gives_no_failure_back(attempt_limiter: AttemptLimiter) -> None:
    """An attacker cannot get more guesses by connecting with a valid token in between."""
    for _ in range(FAILURES_PER_MINUTE):
        await attempt_limiter.failed(ADDRESS, MALFORMED)

    attempt_limiter.succeeded(ADDRESS)

    assert 0.0 < await attempt_limiter.attempt(ADDRESS)


async def test_succeeded_gives_attempts_back_when_no_failure_is_left_for_now(
    attempt_limiter: AttemptLimiter, let_pass: Callable[[float], None]
) -> None:
    """Attempts that were given back are still available after a refused attempt."""
    for _ in range(ATTEMPTS_PER_MINUTE):
        await attempt_limiter.attempt(ADDRESS)
        attempt_limiter.succeeded(ADDRESS)
    for _ in range(FAILURES_PER_MINUTE):
        await attempt_limiter.failed(ADDRESS, MALFORMED)
    await attempt_limiter.attempt(ADDRESS)

    let_pass(SECONDS_PER_FAILURE)

    waits = [await attempt_limiter.attempt(ADDRESS) for _ in range(ATTEMPTS_PER_MINUTE)]
    assert [0.0] * ATTEMPTS_PER_MINUTE == waits

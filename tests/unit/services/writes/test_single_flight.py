import asyncio

import pytest

from app.domain.errors import Unavailable
from app.services.writes.single_flight import SingleFlight

ALICE, BOB = "alice", "bob"


class Queries:
    """Gives each query a number, and returns this number when the test allows it."""

    def __init__(self) -> None:
        self.queryed: list[str] = []
        self.has_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def query(self, key: str) -> int:
        self.queryed.append(key)
        number = len(self.queryed)
        self.has_asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
def queries() -> Queries:
    """Queries that have not started yet."""
    return Queries()


@pytest.fixture
def flights(queries: Queries) -> SingleFlight[str, int]:
    return SingleFlight(queries.query)


async def many(flights: SingleFlight[str, int], key: str, count: int) -> list[asyncio.Task[int]]:
    """Start several callers, and let each run until it waits."""
    callers = [asyncio.create_task(flights.get(key)) for _ in range(count)]
    await asyncio.sleep(0)
    return callers


async def test_callers_share_the_next_query_when_one_is_running(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """The running query may miss the callers' own writes, so they share the next query."""
    (first,) = await many(flights, ALICE, 1)
    await queries.has_asked.wait()
    later = await many(flights, ALICE, 20)
    queries.may_answer.set()

    assert [1, *[2] * 20] == await asyncio.gather(first, *later)
    assert [ALICE, ALICE] == queries.queryed


async def test_keys_do_not_wait_for_each_other(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """A slow query of one user does not delay other users."""
    callers = [*await many(flights, ALICE, 1), *await many(flights, BOB, 1)]
    await queries.has_asked.wait()
    await asyncio.sleep(0)
    asked = list(queries.queryed)
    queries.may_answer.set()
    await asyncio.gather(*callers)

    assert [ALICE, BOB] == asked


async def test_nothing_is_kept_when_all_is_answered(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """A key is dropped when its last query has ended."""
    queries.may_answer.set()
    await asyncio.gather(*await many(flights, ALICE, 3))
    await flights.get(ALICE)

    assert not flights._running
    assert not flights._waiting


async def test_a_query_goes_on_when_its_first_caller_is_cancelled(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """The other callers get the result."""
    one, other = await many(flights, ALICE, 2)
    await queries.has_asked.wait()
    one.cancel()
    await asyncio.wait([one])
    queries.may_answer.set()

    assert 2 == await other


async def test_each_caller_gets_an_error_of_its_own_when_the_query_fails(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """The next caller starts a new query."""
    queries.error = Unavailable()
    queries.may_answer.set()
    callers = await many(flights, ALICE, 2)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    queries.error = None

    assert [Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]
    assert outcomes[0] is not outcomes[1]
    assert 2 <= await flights.get(ALICE)


async def test_callers_are_refused_when_it_is_closed(
    flights: SingleFlight[str, int], queries: Queries
) -> None:
    """Callers get `Unavailable`."""
    callers = await many(flights, ALICE, 2)
    await queries.has_asked.wait()

    await flights.close()

    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]

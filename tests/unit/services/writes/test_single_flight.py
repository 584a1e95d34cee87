import asyncio

import pytest

from app.domain.errors import Unavailable
from app.services.writes.single_flight import SingleFlight

ALICE, BOB = "alice", "bob"


class Questions:
    """Are answered, with their number, when the test lets them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.has_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self, key: str) -> int:
        """The number of the question."""
        self.asked.append(key)
        number = len(self.asked)
        self.has_asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
def questions() -> Questions:
    """None asked yet."""
    return Questions()


@pytest.fixture
def flights(questions: Questions) -> SingleFlight[str, int]:
    """Under test."""
    return SingleFlight(questions.ask)


async def many(flights: SingleFlight[str, int], key: str, count: int) -> list[asyncio.Task[int]]:
    """Callers that are all waiting by now."""
    callers = [asyncio.create_task(flights.run(key)) for _ in range(count)]
    await asyncio.sleep(0)
    return callers


async def test_callers_share_the_next_question_when_one_is_running(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """An answer may be older than what its caller knows; the next one is not."""
    (first,) = await many(flights, ALICE, 1)
    await questions.has_asked.wait()
    later = await many(flights, ALICE, 20)
    questions.may_answer.set()

    assert [1, *[2] * 20] == await asyncio.gather(first, *later)
    assert [ALICE, ALICE] == questions.asked


async def test_keys_do_not_wait_for_each_other(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """A user with many sockets delays nobody else."""
    callers = [*await many(flights, ALICE, 1), *await many(flights, BOB, 1)]
    await questions.has_asked.wait()
    await asyncio.sleep(0)
    asked = list(questions.asked)
    questions.may_answer.set()
    await asyncio.gather(*callers)

    assert [ALICE, BOB] == asked


async def test_nothing_is_kept_when_all_is_answered(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """Keys are users: a map of them must not grow."""
    questions.may_answer.set()
    await asyncio.gather(*await many(flights, ALICE, 3))
    await flights.run(ALICE)

    assert not flights._running
    assert not flights._waiting


async def test_a_question_goes_on_when_its_first_caller_is_cancelled(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """The others still want the answer."""
    one, other = await many(flights, ALICE, 2)
    await questions.has_asked.wait()
    one.cancel()
    await asyncio.wait([one])
    questions.may_answer.set()

    assert 2 == await other


async def test_each_caller_gets_an_error_of_its_own_when_the_question_fails(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """And the next caller's question is asked."""
    questions.error = Unavailable()
    questions.may_answer.set()
    callers = await many(flights, ALICE, 2)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    questions.error = None

    assert [Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]
    assert outcomes[0] is not outcomes[1]
    assert 2 <= await flights.run(ALICE)


async def test_callers_are_refused_when_it_is_closed(
    flights: SingleFlight[str, int], questions: Questions
) -> None:
    """Nobody waits for a server that has stopped."""
    callers = await many(flights, ALICE, 2)
    await questions.has_asked.wait()

    await flights.close()

    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [Unavailable, Unavailable] == [type(outcome) for outcome in outcomes]

"""Tests app/adapters/sql/skipped_items.py."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import pytest

from app.adapters.sql.skipped_items import Skipped, retry_skipped
from app.domain.errors import NotAMember, Unavailable, Unconfirmed
from tests.deadlines import ANSWER_SECONDS

SKIPPED = Skipped.SKIPPED

Answer: TypeAlias = Sequence[str | Skipped] | Exception


def answering(
    *answers: Answer,
) -> tuple[Callable[[Sequence[str]], Awaitable[Sequence[str | Skipped]]], list[list[str]]]:
    """Return a write that gives one answer per attempt, and a list of the attempts' items."""
    attempts: list[list[str]] = []

    async def write(items: Sequence[str]) -> Sequence[str | Skipped]:
        answer = answers[len(attempts)]
        attempts.append(list(items))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return write, attempts


async def test_skipped_items_are_written_when_they_are_tried_again() -> None:
    """Each attempt writes only skipped items, and the results keep their order."""
    write, attempts = answering([SKIPPED, "B"], ["D"])

    results = await retry_skipped("abcd", ["A", SKIPPED, "C", SKIPPED], write, ANSWER_SECONDS)

    # The first attempt writes d, and the second attempt writes b.
    assert [["b", "d"], ["b"]] == attempts
    assert ["A", "D", "C", "B"] == results


async def test_nothing_is_written_when_nothing_was_skipped() -> None:
    write, attempts = answering()

    assert ["A", "B"] == await retry_skipped("ab", ["A", "B"], write, ANSWER_SECONDS)
    assert [] == attempts


async def test_skipped_items_are_unavailable_when_the_time_is_over() -> None:
    """Skipped items are retried until the time is over. The other items keep their results."""
    attempts: list[list[str]] = []

    async def write(items: Sequence[str]) -> Sequence[str | Skipped]:
        attempts.append(list(items))
        return [SKIPPED for _ in items]

    first, *others = await retry_skipped("abc", ["A", SKIPPED, SKIPPED], write, 0.05)

    assert "A" == first
    assert [Unavailable, Unavailable] == [type(each) for each in others]
    assert {("b", "c")} == {tuple(items) for items in attempts}


@pytest.mark.parametrize("error", [Unavailable, Unconfirmed])
async def test_only_skipped_items_fail_when_a_later_attempt_fails(
    error: type[Unavailable],
) -> None:
    """Items that an earlier attempt wrote keep their results."""
    write, attempts = answering(["B", SKIPPED], error())

    results = await retry_skipped("abc", ["A", SKIPPED, SKIPPED], write, ANSWER_SECONDS)

    assert [["b", "c"], ["c"]] == attempts
    assert ["A", "B"] == list(results[:2])
    assert error is type(results[2])


async def test_another_error_is_raised_when_a_later_attempt_raises_it() -> None:
    write, _ = answering(NotAMember())

    with pytest.raises(NotAMember):
        await retry_skipped("a", [SKIPPED], write, ANSWER_SECONDS)

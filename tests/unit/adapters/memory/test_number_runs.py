from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from app.adapters.memory.number_runs import NumberRuns

NUMBERS = st.integers(min_value=1, max_value=30)
ADDITIONS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12)


@given(ADDITIONS, NUMBERS, NUMBERS)
def test_runs_are_as_a_set_when_runs_of_numbers_are_added(
    additions: list[tuple[int, int]], first: int, end: int
) -> None:
    """Size, members and gaps are equal to those of a plain set of numbers."""
    runs, expected = NumberRuns(), set[int]()

    for start, stop in additions:
        runs.add(start, stop)
        expected |= set(range(start, stop))

    assert len(expected) == len(runs)
    assert expected == {number for number in range(32) if number in runs}
    missing = chain.from_iterable(range(*gap) for gap in runs.gaps(first, end))
    assert [number for number in range(first, end) if number not in expected] == list(missing)


def test_runs_are_one_when_every_number_was_added() -> None:
    """A set without gaps is stored as one run, in whatever order the numbers were added."""
    runs = NumberRuns()

    for number in (5, 1, 3, 2, 4):
        runs.add(number, number + 1)

    assert [1, 6] == runs._bounds
    assert [(6, 9)] == list(runs.gaps(1, 9))

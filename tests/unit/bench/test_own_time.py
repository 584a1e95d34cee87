import pytest

from bench.failure import BenchError
from bench.own_time import OwnTime, largest_own_times, own_time_table


def test_own_time_is_the_callees() -> None:
    """A function's own time excludes its callees, and is summed over all stacks that end in it."""
    folded = [
        "main (a.py);run (a.py);write (libc.so.6) 6",
        "main (a.py);run (a.py) 3",
        "main;write 1",
    ]

    found = largest_own_times(folded, 2)

    assert (OwnTime("write (libc.so.6)", 0.6), OwnTime("run (a.py)", 0.3)) == found


def test_profile_is_refused_when_it_is_empty() -> None:
    with pytest.raises(BenchError):
        largest_own_times([], 10)


def test_own_time_table_is_markdown() -> None:
    """The table has the share and the name of each function."""
    assert "| own time | function |\n| --- | --- |\n| 60.0% | `write` |" == own_time_table(
        [OwnTime("write", 0.6)]
    )
